"""Advertises nothing and ignores every signal that can be ignored."""

import signal
import time

signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ignoring signals", flush=True)
time.sleep(60)
