"""Makes tink.json with Google's Tink: what its KmsEnvelopeAead writes, and what it refuses to read.

    python3 -m venv venv && venv/bin/pip install tink==1.16.1
    venv/bin/python make-tink-vectors.py > tink.json

With `check FILE KEK_HEX` it reads vectors back instead, after something has put other wrapped keys into them: each
must open under that KEK.
"""

import base64
import json
import struct
import sys

import tink
from tink import aead
from tink import cleartext_keyset_handle
from tink.proto import aes_gcm_pb2
from tink.proto import tink_pb2

KEK = bytes(range(32))
KEK_URI = 'vector-kms://'
PLAINTEXT = '123-45-6789 é'.encode()
AAD = b'customer/7'
MAX_WRAPPED_KEY = 4096
DEKS = ['AES128_GCM', 'AES256_GCM', 'AES128_CTR_HMAC_SHA256', 'XCHACHA20_POLY1305']


def template_of(dek):
  return getattr(aead.aead_key_templates, dek)


class Kms(tink.KmsClient):
  """A KMS that wraps by AES-256-GCM under `kek`: IV of 12 bytes, ciphertext, tag. No AAD comes from Tink."""

  def __init__(self, kek, padded_to=0):
    key = aes_gcm_pb2.AesGcmKey(version=0, key_value=kek)
    data = tink_pb2.KeyData(
        type_url='type.googleapis.com/google.crypto.tink.AesGcmKey',
        value=key.SerializeToString(),
        key_material_type=tink_pb2.KeyData.SYMMETRIC,
    )
    keyset = tink_pb2.Keyset(primary_key_id=1)
    keyset.key.add(
        key_data=data, key_id=1, status=tink_pb2.ENABLED, output_prefix_type=tink_pb2.RAW
    )
    self._aead = cleartext_keyset_handle.from_keyset(keyset).primitive(aead.Aead)
    self._padded_to = padded_to

  def does_support(self, key_uri):
    return key_uri.startswith(KEK_URI)

  def get_aead(self, key_uri):
    kms = self

    class Remote(aead.Aead):

      def encrypt(self, plaintext, associated_data):
        assert associated_data == b'', 'Tink wraps data keys without AAD'
        wrapped = kms._aead.encrypt(plaintext, associated_data)
        return wrapped.ljust(kms._padded_to, b'\0')

      def decrypt(self, ciphertext, associated_data):
        assert associated_data == b''
        unpadded = ciphertext.rstrip(b'\0') if kms._padded_to else ciphertext
        return kms._aead.decrypt(unpadded, associated_data)

    return Remote()


def wrapped_key_of(value):
  start = 5 if value[0] == 1 else 0
  (length,) = struct.unpack('>I', value[start : start + 4])
  return value[start + 4 : start + 4 + length]


def must_pass():
  kms = Kms(KEK)
  remote = kms.get_aead(KEK_URI)
  tink.register_kms_client(kms)
  vectors = []

  def add(name, dek, primitive, plaintext=PLAINTEXT):
    value = primitive.encrypt(plaintext, AAD)
    assert primitive.decrypt(value, AAD) == plaintext
    vectors.append({
        'name': name,
        'dek': dek,
        'value': value.hex(),
        'wrappedKey': wrapped_key_of(value).hex(),
        'plaintext': plaintext.hex(),
    })

  for dek in DEKS:
    add('KmsEnvelopeAead', dek, aead.KmsEnvelopeAead(template_of(dek), remote))
    template = aead.aead_key_templates.create_kms_envelope_aead_key_template(
        KEK_URI, template_of(dek)
    )
    handle = tink.new_keyset_handle(template)
    add('keyset handle, as the template has it', dek, handle.primitive(aead.Aead))
    template.output_prefix_type = tink_pb2.TINK
    handle = tink.new_keyset_handle(template)
    add('keyset handle, output prefix TINK', dek, handle.primitive(aead.Aead))

  dek = 'AES256_GCM'
  add('empty plaintext', dek, aead.KmsEnvelopeAead(template_of(dek), remote), b'')
  padding = Kms(KEK, MAX_WRAPPED_KEY).get_aead(KEK_URI)
  add('longest wrapped key', dek, aead.KmsEnvelopeAead(template_of(dek), padding))
  return vectors


def must_fail(whole):
  """Values near to one that Tink reads, each of which it refuses."""
  key = wrapped_key_of(whole)
  payload = whole[4 + len(key) :]
  sized = lambda length, rest: struct.pack('>I', length) + rest
  values = {
      'length 0': sized(0, payload),
      'length 0 alone': sized(0, b''),
      'length 4097': sized(4097, key.ljust(4097, b'\0') + payload),
      'length 2^31': sized(2**31, key + payload),
      'length 2^32-1': sized(2**32 - 1, key + payload),
      'length one beyond the end': sized(len(key) + len(payload) + 1, key + payload),
      'length to the end, no payload': sized(len(key) + len(payload), key + payload),
      'no payload': sized(len(key), key),
      'a byte before': b'\x02' + whole,
      'TINK prefix cut short': b'\x01\x00\x00\x00',
      'TINK prefix alone': b'\x01\x00\x00\x00\x07',
      'TINK prefix, no payload': b'\x01\x00\x00\x00\x07' + sized(len(key), key),
      'TINK prefix twice': b'\x01\x00\x00\x00\x07' * 2 + whole,
      'little-endian length': struct.pack('<I', len(key)) + key + payload,
      'text': base64.b64encode(whole),
  }
  reader = aead.KmsEnvelopeAead(template_of('AES256_GCM'), Kms(KEK).get_aead(KEK_URI))
  for name, value in values.items():
    for candidate in [value, value[5:]] if value[:1] == b'\x01' else [value]:
      try:
        reader.decrypt(candidate, AAD)
        raise SystemExit(f'Tink reads: {name}')
      except (tink.TinkError, struct.error):
        pass
  return [{'name': name, 'value': value.hex()} for name, value in values.items()]


def check(path, kek):
  remote = Kms(kek).get_aead(KEK_URI)
  with open(path) as file:
    vectors = json.load(file)['mustPass']
  for vector in vectors:
    value = bytes.fromhex(vector['value'])
    bare = value[5:] if value[0] == 1 else value
    reader = aead.KmsEnvelopeAead(template_of(vector['dek']), remote)
    assert reader.decrypt(bare, AAD).hex() == vector['plaintext'], vector['name']
  print(f'{len(vectors)} values open')


def main():
  aead.register()
  if sys.argv[1:2] == ['check']:
    check(sys.argv[2], bytes.fromhex(sys.argv[3]))
    return
  passing = must_pass()
  vectors = {
      'comment': (
          "Made by make-tink-vectors.py with Google's Tink 1.16.1 for Python. mustPass: written by Tink, keys"
          ' wrapped by AES-256-GCM under kek (IV, ciphertext, tag; no AAD). mustFail: altered by hand, and'
          ' refused by Tink too. Values are hex.'
      ),
      'kek': KEK.hex(),
      'aad': AAD.hex(),
      'mustPass': passing,
      'mustFail': must_fail(
          bytes.fromhex(next(v['value'] for v in passing if v['dek'] == 'AES256_GCM'))
      ),
  }
  json.dump(vectors, sys.stdout, indent=2)
  print()


if __name__ == '__main__':
  main()
