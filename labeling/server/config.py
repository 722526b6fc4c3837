"""Parameters of the server."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from typing_extensions import Doc

from barlowmatch.configs.fields import Range
from barlowmatch.configs.shared import Checked
from barlowmatch.errors import InputError
from labeling.security.doors import Entry, plain_address
from labeling.security.guard import is_loopback

_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class ServerConfig(Checked):
    """Label images: serve the pages of a project."""

    project: Annotated[
        Path | None,
        Doc("Folder of the project; made where it is new and images are named. Without one, a page asks for it."),
    ] = None
    dataset_folder: Annotated[Path | None, Doc("Folder of images for a new project; it is never written to.")] = None
    manifest: Annotated[Path | None, Doc("CSV of file, split, label, group for a new project.")] = None
    class_folders: Annotated[
        Literal[0, 1] | None,
        Doc("For a new project: 1 = folders are classes, 0 = days, cameras or photographers; default by their looks."),
    ] = None
    host: Annotated[str, Doc("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Range(0, 65535), Doc("Port to listen on; 0 takes a free one.")] = 7860
    root_path: Annotated[str, Doc("Prefix of all URLs, behind a proxy: /label; people then log in.")] = ""
    allowed_host: Annotated[
        tuple[str, ...], Doc("Further names this server goes by, behind a proxy; people then log in.")
    ] = ()
    login: Annotated[bool, Doc("Ask for name and password on this machine too, as behind a proxy on it.")] = False
    trusted_header: Annotated[str | None, Doc("Header in which a trusted proxy names who is there: X-Remote-User")] = (
        None
    )
    trusted_proxy: Annotated[tuple[str, ...], Doc("Addresses of the proxies whose word counts.")] = ()

    def __post_init__(self) -> None:
        """Check ranges, and that what goes together is given together."""
        super().__post_init__()
        if self.trusted_header is not None and not self.trusted_proxy:
            raise InputError("--trusted-header: name the proxies that may set it by --trusted-proxy")
        if self.trusted_header is not None and not _HEADER.fullmatch(self.trusted_header):
            raise InputError(f"--trusted-header {self.trusted_header}: must be a name such as X-Remote-User")
        for proxy in self.trusted_proxy:
            try:
                plain_address(proxy)
            except ValueError:
                raise InputError(f"--trusted-proxy {proxy}: must be an IP address, such as 10.0.0.1") from None
        if self.root_path and not (self.root_path.startswith("/") and "//" not in self.root_path):
            raise InputError(f"--root-path {self.root_path}: must begin with a slash, such as /label")
        if self.dataset_folder is not None and self.manifest is not None:
            raise InputError("--dataset-folder and --manifest: give one of them, not both")
        if self.project is None and (self.dataset_folder or self.manifest):
            raise InputError("--project: name the folder of the new project, or leave out the images too")

        if self.class_folders is not None and self.dataset_folder is None:
            raise InputError("--class-folders: goes with --dataset-folder")

    @property
    def asks_login(self) -> str:
        """The option for which people log in, "" where only this machine is reached: all but --login tell of others."""
        reasons = {
            f"--host {self.host}": not is_loopback(self.host), "--allowed-host": self.allowed_host,
            "--root-path": self.root_path, "--trusted-header": self.trusted_header,
            "--trusted-proxy": self.trusted_proxy, "--login": self.login,
        }  # fmt: skip
        return next((option for option, given in reasons.items() if given), "")

    @property
    def entry(self) -> Entry | None:
        """How people come in; None where only this machine is reached, and whoever sits at it says a name."""
        if not self.asks_login:
            return None
        header = None if self.trusted_header is None else self.trusted_header.lower()
        return Entry(header, frozenset(map(plain_address, self.trusted_proxy)))
