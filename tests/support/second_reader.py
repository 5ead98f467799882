"""A second reader of UBL invoices and CSV files, to compare the extraction library with.

Shares nothing with it: another language, another XML parser, its own CSV reader. Standard library
only.

    second_reader.py ubl FILE...   one JSON line a file: {"file", "lines": [...]}
    second_reader.py csv FILE      one JSON line a row: {"column": "value", ...}
"""
import json
import sys
import xml.etree.ElementTree as ET

CAC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2}"
CBC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}"


def text(element, *path):
    for name in path:
        element = None if element is None else element.find(name)
    return None if element is None else (element.text or "").strip(" \t\r\n") or None


def ubl_line(line):
    quantity = line.find(CBC + "InvoicedQuantity")
    if quantity is None:
        quantity = line.find(CBC + "CreditedQuantity")
    item = line.find(CAC + "Item")
    category = None if item is None else item.find(CAC + "ClassifiedTaxCategory")
    return {
        "lineId": text(line, CBC + "ID"),
        "invoicedQuantity": None if quantity is None else quantity.text.strip(),
        "unitCode": None if quantity is None else quantity.get("unitCode"),
        "netPrice": text(line, CAC + "Price", CBC + "PriceAmount"),
        "netAmount": text(line, CBC + "LineExtensionAmount"),
        "vatCategoryCode": text(category, CBC + "ID"),
        "vatRate": text(category, CBC + "Percent"),
        "itemName": text(item, CBC + "Name"),
    }


def ubl_file(path):
    root = ET.parse(path).getroot()
    lines = root.findall(CAC + "InvoiceLine") + root.findall(CAC + "CreditNoteLine")
    return {"file": path, "lines": [ubl_line(line) for line in lines]}


def csv_rows(data):
    """Rows of RFC 4180 text, read character by character."""
    row, field, quoted, at = [], [], False, 0
    while at < len(data):
        char = data[at]
        if quoted:
            if char == '"' and data[at + 1:at + 2] == '"':
                field.append('"')
                at += 1
            elif char == '"':
                quoted = False
            else:
                field.append(char)
        elif char == '"':
            quoted = True
        elif char == ",":
            row.append("".join(field))
            field = []
        elif char == "\n":
            row.append("".join(field))
            yield row
            row, field = [], []
        elif char != "\r":
            field.append(char)
        at += 1
    if field or row:
        row.append("".join(field))
        yield row


def csv_file(path):
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv_rows(file.read())
        names = next(rows)
        for row in rows:
            yield dict(zip(names, row))


def main(arguments):
    if len(arguments) >= 2 and arguments[0] == "ubl":
        records = map(ubl_file, arguments[1:])
    elif len(arguments) == 2 and arguments[0] == "csv":
        records = csv_file(arguments[1])
    else:
        sys.exit(__doc__)
    for record in records:
        print(json.dumps(record))


if __name__ == "__main__":
    main(sys.argv[1:])
