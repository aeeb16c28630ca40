"""The one card in the PC/SC readers, by pyscard."""
import sys

from smartcard.System import readers


def connect():
    """A connection to the first reader that holds a card."""
    for reader in readers():
        connection = reader.createConnection()
        try:
            connection.connect()
            return connection
        except Exception:
            continue
    sys.exit("no card in any reader")


def transmit(connection, command, expected=(0x9000, 0x9100)):
    """Sends an APDU (hexadecimal text or bytes); gives the data, or ends at another status."""
    if isinstance(command, str):
        command = bytes.fromhex(command)
    data, first, second = connection.transmit(list(command))
    if first << 8 | second not in expected:
        sys.exit("%s answered %02X%02X" % (command[:2].hex(), first, second))
    return bytes(data)
