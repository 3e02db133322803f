---
classes:
  "role::db": {}
parameters:
  "role": "db"
  "rolecall": {"role": "db", "kind": "foreign", "state": "ready", "launch": "", "market": "", "instance_id": "", "region": "", "zone": ""}
environment: "production"
# end db1.example.com
