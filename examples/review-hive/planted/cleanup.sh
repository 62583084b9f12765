#!/bin/sh
# Makes room on the server. Full of faults, for the demo to find: do not use it.
curl --silent --insecure "https://$1/healthz"
rm -rf "/srv/$2"
