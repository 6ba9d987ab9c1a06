"""Makes envelope.json with pyca/cryptography: envelopes by AES-GCM, and what is nearly one.

    python3 -m venv venv && venv/bin/pip install cryptography==50.0.2
    venv/bin/python make-envelope-vectors.py > envelope.json
"""

import json
import struct
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEK = bytes(range(32))
DATA_KEY = bytes(range(32, 64))
WRAP_IV = bytes(range(64, 76))
IV = bytes(range(76, 88))
AAD = b'customer/7'
PLAINTEXT = '123-45-6789 é'.encode()
MAX_WRAPPED_KEY = 6144


def sized(length, rest):
  return struct.pack('>I', length) + rest


WRAPPED = WRAP_IV + AESGCM(KEK).encrypt(WRAP_IV, DATA_KEY, AAD)


def envelope(wrapped, plaintext, key=DATA_KEY):
  return sized(len(wrapped), wrapped + IV + AESGCM(key).encrypt(IV, plaintext, AAD))


def passing(name, wrapped=WRAPPED, plaintext=PLAINTEXT, key=DATA_KEY):
  return {
      'name': name,
      'value': envelope(wrapped, plaintext, key).hex(),
      'wrappedKey': wrapped.hex(),
      'dataKey': key.hex(),
      'iv': IV.hex(),
      'plaintext': plaintext.hex(),
  }


whole = envelope(WRAPPED, PLAINTEXT)
rest = whole[4 + len(WRAPPED) :]

must_pass = [
    passing('AES-256-GCM'),
    passing('AES-128-GCM', key=DATA_KEY[:16]),
    passing('empty plaintext', plaintext=b''),
    passing('a wrapped key of one byte', wrapped=b'k'),
    passing('longest wrapped key', wrapped=b'k' * MAX_WRAPPED_KEY),
]
must_fail = {
    'length 0': sized(0, rest),
    'length 6145': sized(MAX_WRAPPED_KEY + 1, b'k' * (MAX_WRAPPED_KEY + 1) + rest),
    'length 2^31': sized(2**31, WRAPPED + rest),
    'length 2^32-1': sized(2**32 - 1, WRAPPED + rest),
    'length one beyond the end': sized(len(WRAPPED) + len(rest) + 1, WRAPPED + rest),
    'length to the end, no payload': sized(len(WRAPPED) + len(rest), WRAPPED + rest),
    'length into the payload, a tag short by one byte': sized(
        len(WRAPPED) + len(rest) - 27, WRAPPED + rest
    ),
    'no payload': sized(len(WRAPPED), WRAPPED),
    'an IV alone': sized(len(WRAPPED), WRAPPED + IV),
    'an IV and a tag short by one byte': sized(len(WRAPPED), WRAPPED + rest[:27]),
    'a byte before': b'\x01' + whole,
    'little-endian length': struct.pack('<I', len(WRAPPED)) + WRAPPED + rest,
    'hex': whole.hex().encode(),
}

json.dump(
    {
        'comment': (
            'Made by make-envelope-vectors.py with pyca/cryptography 50.0.2: u32be length, key wrapped by'
            ' AES-256-GCM under kek and aad (or bytes that stand for one), IV, AES-GCM under dataKey and aad.'
            ' mustFail: altered by hand. Values are hex.'
        ),
        'kek': KEK.hex(),
        'aad': AAD.hex(),
        'mustPass': must_pass,
        'mustFail': [{'name': name, 'value': value.hex()} for name, value in must_fail.items()],
    },
    sys.stdout,
    indent=2,
)
print()
