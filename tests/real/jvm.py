"""How a JVM starts that lives for minutes: with the quick compiler alone, and the plain collector.

The other compiler pays in a server that runs for days. Here it makes a start take three times as
long, on both processors. What a program does is the same with either.
"""

BRIEF = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
# For one that somebody else starts.
ENVIRONMENT = f"JAVA_TOOL_OPTIONS={' '.join(BRIEF)}"
