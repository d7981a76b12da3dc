"""Command lines whose options and arguments for secrets do not say so."""

from __future__ import annotations

import re

from otel_allure.redaction.pair_forms import OF_CODE, form

_WORD = (
    r"(?P<secret>\\+'[^'\\\r\n]+\\+'|\\+\"[^\"\\\r\n]+\\+\"|'[^'\r\n]+'|\"[^\"\r\n]+\""
    r"|(?:[^\s'\";|&)]|&(?=\w))+)"
)
"""An argument of a command."""
_ARGUMENTS = r"[ \t](?:[^\r\n|;&]{0,200}?[ \t])??"
_USER = (
    r"['\"]?(?!\d+:\d+(?!\S)|(?P<user>[a-z_-]+):(?P=user)(?![^\s'\"]))"
    r"(?P<secret>[^\s:'\"]+:[^\s'\"]+)"
)
_START = r"(?:(?<![\w.-])|(?<=\\n)|(?<=\\t))"
_LOGIN = (
    r"(?:acr|argocd|az|buildah|cf|crane(?: auth)?"
    r"|docker|helm(?: registry)?|nerdctl|npm|oc|oras|podman"
    r"|skopeo)[ \t]+login"
)


def _command(programs: str, option: str, secret: str = _WORD) -> re.Pattern[str]:
    return form(rf"{_START}(?:{programs})(?:\.exe)?{_ARGUMENTS}{option}{secret}")


def _line(start: str, secret: str = _WORD) -> re.Pattern[str]:
    return form(rf"{_START}{start}{secret}")


_ALONE = r"(?:(?<=^)|(?<=\n)|(?<=[>':] )|(?<=['>]))"
_LAST = (
    r"(?P<secret>\"[^\"]+\"|(?=[^\s'\"]*[\d\W_])[^\s/'\"]{4,}?)"
    rf"(?=\s*(?:$|: |<|'|\\r|\r|\n|{OF_CODE}))"
)
"""The last word of a line of a protocol; it is no mere word."""
Forms = tuple[tuple[str, re.Pattern[str]], ...]
OPTIONS: Forms = (
    ("curl", _command("curl", r"(?:-[a-zA-Z]{0,6}u|--user|--proxy-user)[ \t=]{0,20}", _USER)),
    (
        "curl",
        _command("curl", r"(?:-b|--cookie)[ \t=]{0,20}", r"(?P<secret>'[^'=]+=[^']+'|\S+=\S+)"),
    ),
    ("mysql", _command(r"mysql\w*", r"-p(?=[^\s-])")),
    ("mariadb", _command(r"mariadb(?:-\w+)?", r"-p(?=[^\s-])")),
    ("sshpass", _command("sshpass", r"-p[ \t]*")),
    ("redis-cli", _command("redis-cli", r"-a[ \t]*")),
    ("mongo", _command(r"mongo\w*", r"-p[ \t]+")),
    *((word, _command(_LOGIN, r"-p[ \t]*")) for word in ("docker", "podman", "helm", "oc", "az")),
    ("ldap", _command(r"ldap\w+", r"-w[ \t]*")),
    ("zip", _command("zip", r"-P[ \t]*")),
    ("unzip", _command("unzip", r"-P[ \t]*")),
    ("7z", _command("7z[ar]?", r"-p(?=\S)")),
    ("rar", _command("rar", r"-h?p(?=[^\s-])")),
    ("unrar", _command("unrar", r"-h?p(?=[^\s-])")),
    *(
        (
            program,
            _command(
                program,
                r"-\w{0,9}b\w{0,9}[ \t](?:-\w{1,9}[ \t]){0,3}(?:[^\s-]\S{0,200}[ \t]){1,2}(?!-)",
            ),
        )
        for program in ("htpasswd", "mosquitto_passwd")
    ),
    ("http ", _command("http", r"(?:-a|--auth)[ \t=]{1,20}", _USER)),
    ("https ", _command("https", r"(?:-a|--auth)[ \t=]{1,20}", _USER)),
    *(
        (program, _command(program, r"(?:-U|--user)[ \t=]{0,20}['\"]?[^\s%]+%"))
        for program in ("smbclient", "rpcclient", "winexe", "net rpc")
    ),
    *(
        (program, _command(program, rf"{option}[ \t]+"))
        for program, option in (
            *(("plink", "-pw"), ("pscp", "-pw"), ("psftp", "-pw"), ("psexec", "-p")),
            *(("rdesktop", "-p"), ("cqlsh", "-p"), ("ipmitool", "(?-i:-P)")),
        )
    ),
    ("lftp", _command("lftp", r"(?:-u|--user)[ \t=]{0,20}[^\s,]+,")),
    ("mosquitto_", _command(r"mosquitto_[ps]ub", r"-P[ \t]*")),
    ("sqlcmd", _command("sqlcmd", r"-P[ \t]*")),
    ("bcp", _command("bcp", r"-P[ \t]*")),
    ("ab ", _command("ab", r"-A[ \t]*", _USER)),
    ("curl", _command("curl", r"(?:-E|--cert)[ \t=]{1,20}[^\s:]{1,200}:")),
    *(
        (program, _command(rf"{program}\w*", rf"{option}[ \t]+"))
        for program, option in (
            *(("security", "-p"), ("security", "-w"), ("security", "(?-i:-P)"), ("smbmap", "-p")),
            *(("ncftp", "-p"), ("beeline", "-p"), ("ldappasswd", "-[as]"), ("snmp", "-c")),
        )
    ),
    ("skopeo", _command("skopeo", r"--(?:src-|dest-)?creds[ \t=]{1,20}", _USER)),
    ("az keyvault", _command("az", r"secret set[ \t][^\r\n]{0,200}?--value[ \t=]{1,20}")),
    # of any program: a user, and behind it what looks like no port, directory or database
    (
        " -u ",
        form(
            r" -u[ \t]+(?![-$])[^\s'\"]{1,60}[ \t]+-p[ \t]+(?![-$/.~]|\d+(?::\d+)*(?!\S))"
            rf"{_WORD}"
        ),
    ),
    ("twine", _command("twine", r"-p[ \t]*")),
    ("rabbitmqadmin", _command("rabbitmqadmin", r"-p[ \t]*")),
    ("useradd", _command("useradd", r"-p[ \t]*")),
    ("usermod", _command("usermod", r"-p[ \t]*")),
    *(
        (program, _command(rf"{program}\w*", rf"(?-i:{option})[ \t]+(?!['\"]{{2}})"))
        for program, options in (("ssh-keygen", ("-N", "-P")), ("snmp", ("-A", "-X")))
        for option in options
    ),
    ("etcdctl", _command("etcdctl", r"--user[ \t=]+", _USER)),
    ("openssl enc", _command("openssl", r"-k[ \t]+")),
    ("aws ssm", _command("aws", r"put-parameter[ \t][^\r\n]{0,200}?--value[ \t=]{1,20}")),
    ("aws secretsmanager", _command("aws", r"--secret-string[ \t=]{1,20}")),
    ("gh secret", _command("gh", r"secret set \S+[ \t]+(?:-b|--body)[ \t=]{1,20}")),
    (
        "convertto-securestring",
        form(rf"convertto-securestring[ \t]+(?:-string[ \t]+)?(?!-){_WORD}"),
    ),
)
"""Commands whose options for secrets do not say so."""
ARGUMENTS: Forms = (
    ("xfreerdp", _command("xfreerdp", "/p:")),
    ("cmdkey", _command("cmdkey", "/pass:")),
    ("schtasks", _command("schtasks", r"/r?p[ \t]+")),
    ("net user", _line(r"net user[ \t]+(?![/-])\S+[ \t]+(?![/*-])", r"(?P<secret>\S+)")),
    ("net use ", _line(r"net use[ \t][^\r\n]{0,200}?/user:\S+[ \t]+(?![/*-])", r"(?P<secret>\S+)")),
    ("net use ", _line(r"net use \S+ \S+[ \t]+(?![/*-])", r"(?P<secret>\S+)(?= /user:)")),
    ("snmp-server community", _line(r"snmp-server community[ \t]+")),
    *(
        (
            name,
            _line(
                rf"{name}(?:-\w+ )?['\"]?[\w.]+/",
                r"(?P<secret>[^\s'\"/]+?)(?=@[^\s@]*(?:\s|$)|\s|$)",
            ),
        )
        for name in ("sqlplus ", "impdp ", "expdp ", "sqlldr ", "rman target ")
    ),
    ("rabbitmqctl", _command("rabbitmqctl", r"(?:add_user|change_password)[ \t]+\S+[ \t]+")),
    *(
        (command, _line(rf"{command}[ \t]+{more}"))
        for command, more in (
            *(("rclone obscure", ""), ("rootpw", r"(?:--\w+[ \t]+)?(?!-)")),
            *(
                ("mc alias set", r"\S+[ \t]+\S+[ \t]+\S+[ \t]+"),
                ("isql", r"(?:[^\s-]\S*[ \t]+){2}(?!-)"),
            ),
        )
    ),
    ("db2 connect", _line(r"db2 connect to \S+ user \S+ using[ \t]+")),
    ("etcdctl user add", _line(r"etcdctl user add[ \t]+", _USER)),
    (" on >", form(r" on >(?P<secret>[^\s'\"]+)")),  # of Redis' users
    ("wpa_passphrase", _line(r"wpa_passphrase (?:'[^']+'|\"[^\"]+\"|\S+)[ \t]+")),
    *(
        (command, _line(rf"{command}[ \t]+(?![-$]){more}"))
        for command, more in (
            *(("vault login", ""), ("cargo login", "")),
            ("consul acl set-agent-token", r"\S+[ \t]+"),
        )
    ),
    ("aws configure", _line(r"aws configure set[ \t]+\S*(?:secret|token|access_key)\S*[ \t]+")),
    ("setx ", _line(r"setx \w*(?:pass|pwd|secret|token|key)\w*[ \t]+")),
    *(
        (
            f"{program} config",
            _line(
                rf"{program} config[ \t]+(?:-\S+[ \t]+)?"
                r"(?:http-basic\.\S+[ \t]+\S+|[\w-]+-token\.\S+)[ \t]+"
            ),
        )
        for program in ("poetry", "composer")
    ),
    ("pass:", form(r"(?<=[ \t=])pass:(?P<secret>[^\s'\"]+)")),  # openssl
    *(
        (
            command,
            _line(
                rf"{command}(?:-\w+ )?",
                rf"{_WORD}[ \t]*\|[ \t]*(?:chpasswd|cryptsetup|kinit|passwd|sudo -S"
                r"|\S+(?: registry| auth)? login|\w+ (?:create )?secrets?"
                r"|gpg [^\r\n|]{0,100}--passphrase-fd|openssl [^\r\n|]{0,100}stdin)\b",
            ),
        )
        for command in ("echo ", "printf ")
    ),
    *(
        (f"auth {way} ", form(rf"auth {way} (?P<secret>[\w+/]{{8,}}=*)"))
        for way in ("plain", "login")
    ),
    ("auth xoauth2 ", form(r"auth xoauth2 (?P<secret>[\w+/]{8,}=*)")),
    (
        "input password ",  # of the Robot Framework, whose cells are two blanks apart
        _line(
            r"input password[ ]{2,20}\S+[ ]{2,20}", r"(?P<secret>[^\s$*](?:\S|[ ](?![ ])){0,200})"
        ),
    ),
    (
        "<<<",
        form(rf"(?:(?<=stdin )|(?<=token )|(?<=login )|(?<=sudo -S )|(?<=[ =]- ))<<<[ ]?{_WORD}"),
    ),
    (" login ", form(rf"(?<=\w)(?-i: LOGIN )(?:\"[^\"]+\"|[\w@.]+) {_LAST}")),  # IMAP
    ("pass ", form(rf"{_ALONE}(?-i:PASS ){_LAST}")),  # FTP, POP3
    ("auth ", form(rf"{_ALONE}(?-i:AUTH )\w+ {_LAST}")),  # Redis
)
"""Commands whose arguments are secrets, also of protocols."""
