"""The list of packages; everything else about the build is in pyproject.toml.

The folders cli/ and viz/ stand at the top of the repository and install as tgrad.cli and tgrad.viz. setuptools'
automatic discovery cannot join several trees, and a written list would go stale with each new subpackage.
"""

from setuptools import find_packages, setup

INSTALLED_AS = {"tgrad": "tgrad", "cli": "tgrad.cli", "viz": "tgrad.viz"}

packages = []
for folder, name in INSTALLED_AS.items():
    packages += [name, *(f"{name}.{sub}" for sub in find_packages(folder))]

setup(packages=packages, package_dir={name: folder for folder, name in INSTALLED_AS.items()})
