# First line: a CDDL file. Then "rule hexadecimal", a line for each body; prints what does not fit.
import sys
import cbor2
import pycddl

with open(sys.stdin.readline().strip()) as file:
    text = file.read()
schemas = {}


def check(rule, data):
    if rule not in schemas:
        schemas[rule] = pycddl.Schema("start = %s\n%s" % (rule, text))
    schemas[rule].validate_cbor(data)


def items(data):
    from io import BytesIO
    stream, found = BytesIO(data), []
    while stream.tell() < len(data):
        start = stream.tell()
        cbor2.load(stream)
        found.append(data[start:stream.tell()])
    return found


count = 0
for line in sys.stdin:
    rule, hexadecimal = line.split(" ")
    for data in items(bytes.fromhex(hexadecimal.strip())):
        try:
            check(rule, data)
            item = cbor2.loads(data)
            if isinstance(item, cbor2.CBORTag):
                check("protected", item.value[0])
                check(rule + "-payload", item.value[2])
            count += 1
        except pycddl.ValidationError as error:
            print("%s %s: %s" % (rule, data.hex(), str(error)[:300]))
print("%d bodies" % count)
