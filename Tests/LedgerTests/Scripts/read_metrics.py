# Reads OpenMetrics from stdin with Prometheus' own parser; prints "type name labels value" lines.
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families

for family in text_string_to_metric_families(sys.stdin.read()):
    for sample in family.samples:
        labels = ",".join("%s=%s" % item for item in sorted(sample.labels.items()))
        print("%s %s{%s} %s" % (family.type, sample.name, labels, sample.value))
