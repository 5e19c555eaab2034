# What schemathesis cannot send by itself, for scripts/test-openapi.sh.

import schemathesis

# An M3U is bytes, as any other file.
schemathesis.serializer.alias("audio/x-mpegurl", "application/octet-stream")
