"""`check_svg.py FILE`: the file is well-formed XML, an <svg>, and has something to see."""

import sys
from xml.etree import ElementTree

root = ElementTree.parse(sys.argv[1]).getroot()
texts = [text for text in root.itertext() if text.strip()]
if not root.tag.endswith("}svg") or not {"add", "mul", "mean"} <= set(texts):
    sys.exit(f"{sys.argv[1]}: <{root.tag}> with the texts {texts[:20]}")
print(f"fine: {sys.argv[1]} is an SVG with {len(texts)} texts")
