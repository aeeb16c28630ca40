"""Reads a card's NDEF file with pyscard, as a phone would, and parses it with ndeflib.

stdout: one JSON object: the file in hexadecimal and, for each record, its type, name and content.
"""
import json

import ndef
from card import connect, transmit

connection = connect()
transmit(connection, "00A4040007D276000085010100")  # the NDEF application
transmit(connection, "00A4000C02E104")  # the NDEF file
length = int.from_bytes(transmit(connection, "00B0000002"), "big")
message = b""
while len(message) < length:
    count = min(length - len(message), 100)
    offset = 2 + len(message)
    message += transmit(connection, "00B0%04X%02X" % (offset, count))
records = []
for record in ndef.message_decoder(message, errors="strict"):
    item = {"type": record.type, "data": bytes(record.data).hex()}
    if isinstance(record, ndef.UriRecord):
        item["uri"] = record.iri  # .uri would quote what is no letter
    records.append(item)
print(json.dumps({"records": records}))
