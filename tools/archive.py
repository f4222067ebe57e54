"""The data behind a commit as one file, which unpacked works as a DVC remote: `make archive`.

    python tools/archive.py [FOLDER]        writes FOLDER/ilscaling-COMMIT.tar and its SHA-256

DVC's cache holds every other commit's, too; `dvc push` copies what this one names. The same commit
gives the same bytes.
"""

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from ilscaling.files import sha256

README = """The data behind commit {commit} of ilscaling, as a DVC remote. No account is needed:

    sha256sum --check --quiet SHA256SUMS
    git checkout {commit}        in a clone of the project, after `make setup` there
    .venv/bin/dvc remote add --local --default archive {here}
    .venv/bin/dvc pull

{here} stands for the path of the folder `remote` beside this file.
"""
HERE = "/PATH/TO/remote"


def refused(what: str, fix: str) -> SystemExit:
    return SystemExit(f"error: {what}\n  try:   {fix}")


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise refused(f"this is no clone: {done.stderr.strip()}", "git clone, not a download")
    return done.stdout.strip()


def push(remote: Path) -> None:
    """Copy what the commit names from DVC's cache."""
    from dvc.repo import Repo

    with Repo(config={"remote": {"archive": {"url": str(remote)}}}) as repo:
        lacking = repo.status()
        if not lacking:
            repo.push(remote="archive")
            # What the cache lacks is left out with a warning: here it is looked for.
            lacking = repo.status(cloud=True, remote="archive")
    if lacking:
        names = ", ".join(sorted(lacking)[:3])
        raise refused(
            f"DVC's cache does not hold what the commit names: {names}",
            "dvc repro && git commit -a",
        )


def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """A member without what depends on the machine."""
    member.mtime = member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() else 0o644
    return member


def main(folder: Path) -> None:
    if git("status", "--porcelain", "--untracked-files=no"):
        raise refused("files differ from the commit, which an archive is of", "git commit -a")
    commit = git("rev-parse", "--short=12", "HEAD")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"ilscaling-{commit}.tar"
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        base = Path(temporary)
        push(base / "remote")
        files = sorted(path for path in base.rglob("*") if path.is_file())
        lines = [f"{sha256(path)}  {path.relative_to(base).as_posix()}\n" for path in files]
        (base / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
        (base / "README").write_text(README.format(commit=commit, here=HERE), encoding="utf-8")
        packed = base / "packed.tar"
        with tarfile.open(packed, "w") as tar:
            for path in [base / "README", base / "SHA256SUMS", *files]:
                name = f"{target.stem}/{path.relative_to(base).as_posix()}"
                tar.add(path, name, recursive=False, filter=plain)
        packed.replace(target)
    sums = target.with_suffix(".tar.sha256")
    sums.write_text(f"{sha256(target)}  {target.name}\n", encoding="utf-8")
    print(f"{target}  ({target.stat().st_size / 1e6:.0f} MB, {len(files)} files)\n{sums}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("dist"))
