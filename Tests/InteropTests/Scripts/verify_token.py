"""Verifies a card token with pycose.

stdin: the token, then the issuer's public key, each a line of hexadecimal.
stdout: one JSON object: whether the signature verifies, and the claims.
"""
import json
import sys

import cbor2
from pycose.headers import KID, Algorithm
from pycose.keys import OKPKey
from pycose.keys.curves import Ed25519
from pycose.messages import CoseMessage, Sign1Message

token, issuer = (bytes.fromhex(line) for line in sys.stdin.read().split())
message = CoseMessage.decode(token)
assert isinstance(message, Sign1Message)
message.key = OKPKey(crv=Ed25519, x=issuer, optional_params={"ALG": "EDDSA"})
claims = cbor2.loads(message.payload)
print(json.dumps({
    "verified": message.verify_signature(),
    "algorithm": message.phdr[Algorithm].fullname,
    "kid": message.phdr[KID].hex(),
    "number": claims[2],
    "confirmation": claims[8][3].hex(),
}))
