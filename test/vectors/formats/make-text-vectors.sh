#!/bin/bash
# Makes text.json: what common tools write as base64, hexadecimal digits and JSON. Needs coreutils, openssl, xxd,
# python3 and jq.
#
#     bash make-text-vectors.sh > text.json
set -euo pipefail

# 100 bytes, all of them different: more than one line for every tool that breaks lines.
ciphertext=$(python3 -c 'print(bytes((7 * n + 251) % 256 for n in range(100)).hex())')
bytes() { printf %s "$ciphertext" | xxd -r -p; }
one_line() { bytes | base64 -w0; }
python() { python3 -c "import base64, json, sys; b = bytes.fromhex('$ciphertext'); sys.stdout.write($1)"; }

# name, format, command that writes the value
vectors() {
  vector 'coreutils base64' '"base64"' bytes '|' base64
  vector 'coreutils base64 -w0' '"base64"' one_line
  vector 'coreutils basenc --base64url' '"base64url"' bytes '|' basenc --base64url -w0
  vector 'openssl base64' '"base64"' bytes '|' openssl base64
  vector 'openssl base64 -A' '"base64"' bytes '|' openssl base64 -A
  vector 'Python base64.encodebytes' '"base64"' python '"base64.encodebytes(b).decode()"'
  vector 'Python urlsafe_b64encode' '"base64url"' python '"base64.urlsafe_b64encode(b).decode()"'
  vector 'Python urlsafe_b64encode without padding' '"base64url"' \
    python '"base64.urlsafe_b64encode(b).decode().rstrip(chr(61))"'
  vector 'Python bytes.hex' '"hex"' python '"b.hex()"'
  vector 'Python base64.b16encode' '"hex"' python '"base64.b16encode(b).decode()"'
  vector 'PostgreSQL bytea as text' '{"prefix":"\\x","format":"hex"}' python '"chr(92) + chr(120) + b.hex()"'
  vector 'Python json.dumps' '{"json":"/ssn","format":"base64"}' \
    python '"json.dumps({chr(233): 1.0, \"ssn\": base64.b64encode(b).decode()})"'
  vector 'Python json.dumps, indented' '{"json":"/0/ssn","format":"base64"}' \
    python '"json.dumps([{\"ssn\": base64.b64encode(b).decode()}], indent=4) + chr(10)"'
  vector 'jq' '{"json":"/ssn","format":"base64"}' \
    jq -n --arg b '"$(one_line)"' "'{id: 7, ssn: \$b}'"
  vector 'jq, slashes escaped as PHP json_encode does' '{"json":"/ssn","format":"base64"}' \
    jq -cn --arg b '"$(one_line)"' "'{ssn: \$b}'" '|' sed "'s,/,\\\\/,g'"
  vector 'JSON text in JSON' '{"json":"/doc","format":{"json":"/ssn","format":"base64"}}' \
    jq -cn --arg b '"$(one_line)"' "'{doc: ({ssn: \$b} | tojson)}'"
}

vector() {
  local name=$1 format=$2
  shift 2
  eval "$*" | jq -Rs --arg name "$name" --argjson format "$format" --arg ciphertext "$ciphertext" \
    '{name: $name, format: $format, value: ., ciphertexts: [$ciphertext]}'
}

vectors | jq -s '{
  comment: "Made by make-text-vectors.sh: one ciphertext as common tools write it. Values are text, ciphertexts hex.",
  mustPass: .
}'
