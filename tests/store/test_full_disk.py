"""The SQLite store on a disk that is full goes on serving; streams can be ended, and room is used when it is back."""

import json
import subprocess
import sys
from pathlib import Path

# in a mount namespace of its own, so that a disk of six megabytes can be had anywhere
DISK = 'mount -t tmpfs -o size=6m tmpfs "$0" && exec "$@"'
PROGRAM = """
import asyncio, json, os, sys
from pathlib import Path
from stream_filters.store.base import StoreFullError, Write
from stream_filters.store.sqlite import SqliteStore

folder = Path(sys.argv[1])
said = {}

async def refused(call):
    try:
        await call
    except StoreFullError as error:
        return str(error)
    return ""

async def main():
    store = SqliteStore(folder / "streams.db")
    await store.open()
    versions = {}
    for number in range(3000):
        key = f"m/{number}"
        try:
            versions[key] = await store.write(Write(key, bytes(8000), None, 0.3 if number < 100 else 3600.0))
        except StoreFullError as error:
            said["full"] = str(error)
            break
    said["streams"] = len(versions)
    with (folder / "other").open("wb", buffering=0) as other:
        try:
            while True:
                other.write(bytes(4096))
        except OSError:
            pass
    said["begin"] = await refused(store.write(Write("m/new", bytes(8000), None, 3600.0)))
    said["read"] = (await store.get("m/200")) is not None
    last = [key for key in versions if int(key[2:]) >= 100]
    # with an offset a stream that ended is kept for its retries, and may be larger than before
    said["ends"] = [
        await refused(store.write(Write(key, bytes(16000), versions[key], 60.0, is_last=True))) for key in last[:20]
    ]
    said["deletes"] = [
        await refused(store.write(Write(key, None, versions[key], 60.0, is_last=True))) for key in last[20:60]
    ]
    await asyncio.sleep(0.4)
    await store.check()
    said["count"] = await store.count("m/")
    said["again"] = await refused(store.write(Write("m/again", bytes(8000), None, 3600.0)))
    os.unlink(folder / "other")
    await store.check()
    said["reserve"] = (folder / "streams.db-reserve").exists()
    said["room"] = await refused(store.write(Write("m/room", bytes(8000), None, 3600.0)))
    await store.close()
    store = SqliteStore(folder / "streams.db")
    await store.open()
    said["kept"] = [len((await store.get(key)).value) for key in last[:20]] + [
        (await store.get(key)) is None for key in last[20:60]
    ]
    await store.close()
    print(json.dumps(said))

asyncio.run(main())
"""


def test_a_full_disk_is_told_and_streams_can_be_ended(tmp_path: Path) -> None:
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", DISK, str(tmp_path)]
    ran = subprocess.run(
        [*command, sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert "disk is full" in said["full"]
    assert said["streams"] > 300
    assert "disk is full" in said["begin"]
    assert said["read"]
    assert said["ends"] == [""] * 20
    assert said["deletes"] == [""] * 40
    # the first hundred have expired, twenty of those that ended are held for their retries
    assert said["count"] == said["streams"] - 100 - 40
    assert said["again"] == ""
    assert said["reserve"]
    assert said["room"] == ""
    assert said["kept"] == [16000] * 20 + [True] * 40
