"""AuthenticateEV2First and GetCardUID, written from the data sheet over pyscard and cryptography.

stdin: key number, then the key: a test key, in hexadecimal. stdout: the UID in hexadecimal.
"""
import os
import sys

from card import connect, transmit
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC


def cbc(key, data, encrypt, vector=bytes(16)):
    cipher = Cipher(algorithms.AES(key), modes.CBC(vector))
    run = cipher.encryptor() if encrypt else cipher.decryptor()
    return run.update(data) + run.finalize()


def cmac(key, data):
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def xor(left, right):
    return bytes(a ^ b for a, b in zip(left, right))


number, key = sys.stdin.read().split()
key = bytes.fromhex(key)
connection = connect()
transmit(connection, "00A4040007D276000085010100")
answer = transmit(connection, bytes([0x90, 0x71, 0, 0, 2, int(number), 0, 0]), (0x91AF,))
theirs = cbc(key, answer, False)
ours = os.urandom(16)
proof = cbc(key, ours + theirs[1:] + theirs[:1], True)
answer = cbc(key, transmit(connection, b"\x90\xAF\0\0\x20" + proof + b"\0"), False)
transaction, rotated = answer[:4], answer[4:20]
assert rotated == ours[1:] + ours[:1], "the card does not know the key"

context = ours[:2] + xor(ours[2:8], theirs[:6]) + theirs[6:] + ours[8:]
encryption = cmac(key, bytes.fromhex("A55A00010080") + context)
authentication = cmac(key, bytes.fromhex("5AA500010080") + context)
mac = cmac(authentication, b"\x51\0\0" + transaction)[1::2]
answer = transmit(connection, b"\x90\x51\0\0\x08" + mac + b"\0")
body, theirs = answer[:-8], answer[-8:]
assert theirs == cmac(authentication, b"\0\x01\0" + transaction + body)[1::2], "the answer's MAC"
vector = cbc(encryption, bytes.fromhex("5AA5") + transaction + b"\x01\0" + bytes(8), True)
uid = cbc(encryption, body, False, vector)[:7]
print(uid.hex())
