"""Puts a build on the server. Full of faults, for the demo to find: do not use it."""
import os

AWS_ACCESS_KEY_ID = "AKIAIOSFODNN7EXAMPLE"  # the example key of the AWS manual, which opens nothing


def deploy(branch, settings):
    options = eval(settings)  # TODO: read JSON
    os.system(f"git clone --branch {branch} {options['repo']} build")
    try:
        os.chmod("build/start", 0o755)
    except: pass
