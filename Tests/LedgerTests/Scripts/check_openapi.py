# Is the file on the first line of stdin OpenAPI 3.1?
import json
import sys
from openapi_spec_validator import OpenAPIV31SpecValidator

with open(sys.stdin.readline().strip()) as file:
    document = json.load(file)
OpenAPIV31SpecValidator(document).validate()
print(document["openapi"])
