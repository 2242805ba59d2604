"""Reads a JSON array of {format, text} on stdin, prints what the real parser makes of each: names with values in base64,
or null for a document it does not take."""

import base64
import configparser
import csv
import io
import json
import sys
import tomllib

import javaproperties
import yaml


def binary_or_text(value):
    if isinstance(value, dict):
        assert value["encoding"] == "base64", value
        return base64.b64decode(value["value"], validate=True)
    assert isinstance(value, str), value
    return value


def from_csv(text):
    heading, *records = csv.reader(io.StringIO(text, newline=""), strict=True)
    variables = {}
    for record in filter(None, records):  # a blank line is no record
        fields = dict(zip(heading, record, strict=True))
        value = fields["value"]
        variables[fields["name"]] = base64.b64decode(value, validate=True) if fields.get("encoding") else value
    return variables


def from_ini(text):
    parser = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=(";", "#"))
    parser.optionxform = str
    parser.read_string("[all]\n" + text)
    return dict(parser["all"])


def from_compose(text):
    # What Compose's interpolation leaves of a value without variables.
    return {name: value.replace("$$", "$") for name, value in yaml.safe_load(text)["environment"].items()}


def from_object(text):
    document = yaml.safe_load(text)
    secret = document["kind"] == "Secret"
    encoded = document.get("data" if secret else "binaryData") or {}
    plain = {} if secret else document["data"]
    return {**plain, **{name: base64.b64decode(value, validate=True) for name, value in encoded.items()}}


READERS = {
    "toml": lambda text: {name: binary_or_text(value) for name, value in tomllib.loads(text).items()},
    "yaml": lambda text: {name: binary_or_text(value) for name, value in yaml.safe_load(text).items()},
    "csv": from_csv,
    "properties": javaproperties.loads,
    "ini": from_ini,
    "compose": from_compose,
    "kubernetes-secret": from_object,
    "kubernetes-configmap": from_object,
}


def read(document):
    try:
        variables = READERS[document["format"]](document["text"])
    except Exception:  # whatever it calls a document it does not take
        return None
    text = lambda value: value if isinstance(value, bytes) else value.encode()
    return {name: base64.b64encode(text(value)).decode() for name, value in variables.items()}


print(json.dumps([read(document) for document in json.loads(sys.stdin.buffer.read())]))
