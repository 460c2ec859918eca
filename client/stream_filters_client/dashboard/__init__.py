"""The live page: what is known of streams (history, columns, charts, alarms, watching, hub), and how it is shown."""
