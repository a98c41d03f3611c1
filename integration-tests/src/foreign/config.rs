//! The configuration of each kind of server, and the command that starts it.

use super::fetch::{Tool, servers};
use super::kind::{Hosts, Kind};
use super::server::Foreign;
use crate::site::PASSWORD;
use crate::skip::Skipped;
use crate::socket;
use rustix::process::geteuid;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// [`PASSWORD`] as crypt(3) has it; MD5, for a slow hash would be most of a login.
const HASH: &str = "$1$thepeers$FzfHX5VcTxDmEtSHc2ub20";

/// The places of one server.
#[derive(Debug)]
pub(super) struct Places {
    /// The directory that its user sees.
    pub(super) root: PathBuf,
    /// The directory of its configuration.
    pub(super) state: PathBuf,
    /// Where it logs.
    pub(super) log: PathBuf,
}

/// Who it runs as when that may be chosen: root serves as `daemon` (vsftpd wants somebody whose home
/// exists), others as themselves.
pub(super) fn owner() -> Owner {
    let text = fs::read_to_string("/etc/passwd").unwrap();
    let own = geteuid().as_raw().to_string();
    let line = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = line.filter(|fields| fields.len() == 7);
    let mut found = found.filter(|fields| if is_root() { fields[0] == "daemon" } else { fields[2] == own });
    let fields = found.next().unwrap_or_else(|| panic!("/etc/passwd does not know who may serve"));
    let (uid, gid) = (fields[2].parse().unwrap(), fields[3].parse().unwrap());
    Owner { name: fields[0].into(), uid, gid, group: group(fields[3]) }
}

/// A user of this machine.
#[derive(Debug)]
pub(super) struct Owner {
    name: String,
    group: String,
    /// The number of the user.
    pub(super) uid: u32,
    /// The number of the group.
    pub(super) gid: u32,
}

fn group(gid: &str) -> String {
    let text = fs::read_to_string("/etc/group").unwrap();
    let line = text.lines().find(|line| line.split(':').nth(2) == Some(gid));
    line.and_then(|line| line.split(':').next()).unwrap_or(gid).to_owned()
}

fn is_root() -> bool {
    geteuid().is_root()
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A line of passwd(5) for the user with the hash of the password.
fn passwd(user: &str, places: &Places) -> String {
    let Owner { uid, gid, .. } = owner();
    format!("{user}:{HASH}:{uid}:{gid}::{}:/bin/sh\n", places.root.display())
}

/// Writes the configuration of `server` and says how it is started.
pub(super) fn command(
    server: &Foreign,
    tool: &Tool,
    at: SocketAddr,
    (user, password): (&str, &str),
    places: &Places,
) -> Result<Command, Skipped> {
    match server.kind {
        Kind::Vsftpd => Ok(vsftpd(server, tool, at, password, places)),
        Kind::Proftpd => Ok(proftpd(server, tool, at, user, places)),
        Kind::PureFtpd => pure_ftpd(server, tool, at, user, places),
        Kind::Pyftpdlib => Ok(pyftpdlib(server, tool, at, user, places)),
        Kind::Globus => Ok(globus(server, tool, at, user, places)),
        Kind::Inetutils => by_inetd(tool, at, user, places, &["-a", "default", "-u", "022"]),
        Kind::Netkit => {
            let foreign: &[&str] = if server.hosts.connects() { &["-P"] } else { &[] };
            by_inetd(tool, at, user, places, &[&["-u", "022"], foreign].concat())
        }
        Kind::Aioftp => Ok(script("aioftp_server.py", server, tool, at, user, places)),
        Kind::Twisted => Ok(script("twisted_server.py", server, tool, at, user, places)),
        Kind::FtpSrv => Ok(script("ftp-srv.js", server, tool, at, user, places)),
        Kind::Nodeftpd => Ok(script("nodeftpd.js", server, tool, at, user, places)),
        Kind::Tcllib => Ok(script("tcllib.tcl", server, tool, at, user, places)),
        Kind::Zope => Ok(script("zope_server.py", server, tool, at, user, places)),
        Kind::SimpleFtpd => Ok(script("simple-ftpd.js", server, tool, at, user, places)),
        Kind::ThinFtp => Ok(script("thinftp_server.py", server, tool, at, user, places)),
        Kind::Rclone => Ok(rclone(tool, at, user, places)),
        Kind::Copyparty => Ok(copyparty(tool, at, user, places)),
        Kind::PythonFtpServer => Ok(python_ftp_server(tool, at, user, places)),
        Kind::FtpProxy | Kind::ProftpdProxy => proxy(server.kind, tool, at, user, places),
        Kind::Libunftp => {
            let mut command = tool.command();
            serves_one_user(&mut command, at, user, places);
            Ok(command)
        }
    }
}

/// Its anonymous user needs no account of the system, and a list of passwords protects it. It locks
/// that user only into a directory where it may not write, the one above its own. Without root it
/// locks nobody in, so the password must be nobody else's guess.
fn vsftpd(server: &Foreign, tool: &Tool, at: SocketAddr, password: &str, places: &Places) -> Command {
    let yes = |yes: bool| if yes { "YES" } else { "NO" };
    let passwords = places.state.join("passwords");
    write(&passwords, &format!("{password}\n"));
    let empty = places.state.join("empty");
    fs::create_dir_all(&empty).unwrap();
    let owner = owner().name;
    let family = if at.is_ipv4() {
        format!("listen=YES\nlisten_address={}", at.ip())
    } else {
        format!("listen=NO\nlisten_ipv6=YES\nlisten_address6={}", at.ip())
    };
    let config = places.state.join("conf");
    write(
        &config,
        &format!(
            "{family}\nlisten_port={port}\nbackground=NO\nrun_as_launching_user={launching}\n\
             anonymous_enable=YES\nlocal_enable=NO\nwrite_enable=YES\nanon_root={root}\n\
             ftp_username={owner}\nnopriv_user={owner}\nsecure_chroot_dir={empty}\n\
             secure_email_list_enable=YES\nemail_password_file={passwords}\n\
             anon_world_readable_only=NO\nanon_upload_enable=YES\nanon_mkdir_write_enable=YES\n\
             anon_other_write_enable=YES\nanon_umask=022\n\
             seccomp_sandbox=NO\nisolate=NO\nisolate_network=NO\n\
             xferlog_enable=YES\nlog_ftp_protocol=YES\nvsftpd_log_file={log}\nmax_per_ip=0\nmax_clients=0\n\
             port_promiscuous={connects}\npasv_promiscuous={accepts}\n{extra}",
            port = at.port(),
            launching = yes(!is_root()),
            root = places.root.parent().unwrap().display(),
            empty = empty.display(),
            passwords = passwords.display(),
            log = places.log.display(),
            connects = yes(server.hosts.connects()),
            accepts = yes(server.hosts.accepts()),
            extra = server.extra,
        ),
    );
    let mut command = tool.command();
    command.arg(config);
    command
}

fn proftpd(server: &Foreign, tool: &Tool, at: SocketAddr, user: &str, places: &Places) -> Command {
    let users = places.state.join("passwd");
    write(&users, &passwd(user, places));
    let Owner { name: owner, group, .. } = owner();
    let own = |name: &str| places.state.join(name).display().to_string();
    // Root locks the user in; without root the other directories are closed to it.
    let walls = if is_root() {
        "DefaultRoot ~".to_owned()
    } else {
        let closed = "<Directory />\n<Limit ALL>\nDenyAll\n</Limit>\n</Directory>";
        format!(
            "{closed}\n<Directory {}>\n<Limit ALL>\nAllowAll\n</Limit>\n</Directory>",
            places.root.display()
        )
    };
    let config = places.state.join("conf");
    write(
        &config,
        &format!(
            "ModulePath {modules}\nServerName proftpd\nServerType standalone\nDefaultAddress {ip}\n\
             UseIPv6 {ipv6}\nPort {port}\nSocketBindTight on\nUser {owner}\nGroup {group}\n\
             AuthUserFile {users}\nAuthOrder mod_auth_file.c\nRequireValidShell off\n{walls}\n\
             AllowForeignAddress {allowed}\nAllowOverwrite {replaces}\nAllowStoreRestart on\nAllowRetrieveRestart on\n\
             UseReverseDNS off\nWtmpLog off\nTransferLog none\nSystemLog {log}\nPidFile {pid}\n\
             ScoreboardFile {score}\nUmask 022\n<IfModule mod_delay.c>\nDelayEngine off\n</IfModule>\n{extra}",
            modules = tool.beside("lib/proftpd").display(),
            ip = at.ip(),
            ipv6 = if at.is_ipv6() { "on" } else { "off" },
            port = at.port(),
            users = users.display(),
            replaces = if server.replaces { "on" } else { "off" },
            allowed = if server.hosts == Hosts::Allowed { "on" } else { "off" },
            log = places.log.display(),
            pid = own("pid"),
            score = own("score"),
            extra = server.extra,
        ),
    );
    let mut command = tool.command();
    command.args(["-n", "-q", "-c"]).arg(config);
    command
}

fn pure_ftpd(
    server: &Foreign,
    tool: &Tool,
    at: SocketAddr,
    user: &str,
    places: &Places,
) -> Result<Command, Skipped> {
    if !is_root() {
        return Err(Skipped("pure-ftpd serves virtual users only when root starts it".into()));
    }
    let Owner { uid, gid, .. } = owner();
    let (users, database) = (places.state.join("passwd"), places.state.join("passwd.pdb"));
    write(&users, &format!("{user}:{HASH}:{uid}:{gid}::{}/./::::::::::::\n", places.root.display()));
    let made = tool
        .other("bin/pure-pw")
        .command()
        .arg("mkdb")
        .arg(&database)
        .arg("-f")
        .arg(&users)
        .output()
        .unwrap();
    assert!(made.status.success(), "pure-pw: {}", String::from_utf8_lossy(&made.stderr));
    let mut command = tool.command();
    command.arg(if at.is_ipv4() { "-4" } else { "-6" });
    command.args([
        "-S",
        &format!("{},{}", at.ip(), at.port()),
        "-l",
        &format!("puredb:{}", database.display()),
    ]);
    command.args([
        "-A", "-E", "-H", "-u", "1", "-c", "100", "-C", "100", "-U", "022:022", "-f", "none", "-Y", "0",
    ]);
    command.arg("-g").arg(places.state.join("pid"));
    if server.hosts == Hosts::Allowed {
        command.arg("-w");
    }
    command.args(server.extra.split_whitespace());
    Ok(command)
}

fn pyftpdlib(server: &Foreign, tool: &Tool, at: SocketAddr, user: &str, places: &Places) -> Command {
    let mut command = script("pyftpdlib_server.py", server, tool, at, user, places);
    command.arg(if server.hosts == Hosts::Allowed { "allowed" } else { "refused" });
    command
}

/// A script that serves one user, with a certificate if the server has one.
fn script(name: &str, server: &Foreign, tool: &Tool, at: SocketAddr, user: &str, places: &Places) -> Command {
    let mut command = tool.command();
    command.arg(servers().join(name));
    serves_one_user(&mut command, at, user, places);
    command.args(server.extra.split_whitespace());
    command
}

/// It would show for minutes what was there before somebody else changed the directory.
fn rclone(tool: &Tool, at: SocketAddr, user: &str, places: &Places) -> Command {
    let mut command = tool.command();
    command.env("HOME", &places.state).args(["serve", "ftp", "--dir-cache-time", "0s", "-v"]);
    command.args(["--addr", &at.to_string(), "--user", user, "--pass", PASSWORD]).arg(&places.root);
    command
}

/// It serves HTTP as well, and notes elsewhere what it knows of files.
fn copyparty(tool: &Tool, at: SocketAddr, user: &str, places: &Places) -> Command {
    let (ip, root) = (at.ip().to_string(), places.root.display());
    let mut command = tool.command();
    command.env("HOME", &places.state).args(["-m", "copyparty", "-i", &ip]);
    command.args(["--ftp", &at.port().to_string(), "-p", &socket::port_free_everywhere(&ip).to_string()]);
    command.args(["-a", &format!("{user}:{PASSWORD}"), "-v", &format!("{root}::rwmd,{user}")]);
    command.arg("--hist").arg(places.state.join("hist"));
    command
}

fn python_ftp_server(tool: &Tool, at: SocketAddr, user: &str, places: &Places) -> Command {
    let mut command = tool.command();
    command.args(["-m", "python_ftp_server", "-u", user, "-p", PASSWORD, "-d"]).arg(&places.root);
    command.args(["--ip", &at.ip().to_string(), "--port", &at.port().to_string()]);
    command
}

/// A proxy in front of pyftpdlib. Both run as users of the system.
fn proxy(kind: Kind, tool: &Tool, at: SocketAddr, user: &str, places: &Places) -> Result<Command, Skipped> {
    if !is_root() {
        return Err(Skipped("a server of system users needs root, which gives it users of its own".into()));
    }
    let behind = Tool::python("pyftpdlib")?.with("PROXY_LIBRARIES", tool.libraries());
    let mut command = behind.command();
    command.arg(servers().join("proxy.py"));
    serves_one_user(&mut command, at, user, places);
    let name = if kind == Kind::FtpProxy { "ftp-proxy" } else { "proftpd" };
    command.arg(name).arg(tool.program()).arg(tool.beside("lib/proftpd"));
    Ok(command)
}

fn serves_one_user(command: &mut Command, at: SocketAddr, user: &str, places: &Places) {
    command.args([at.ip().to_string(), at.port().to_string()]).arg(&places.root).args([user, PASSWORD]);
}

/// Shows a server other files in place of the system's: pairs of them come first, then `--` and the command.
const IN_A_NAMESPACE: &str = r#"mount --make-rprivate /
while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 1; shift 2; done; shift; exec "$@""#;

/// The user logs in as in the days of inetd: with an account of the system.
const PAM: &str = "auth required pam_listfile.so item=user sense=deny file=/etc/ftpusers onerr=succeed\n\
                   auth sufficient pam_ftp.so\nauth required pam_unix.so try_first_pass\n\
                   account required pam_permit.so\nsession required pam_permit.so\n";

/// A server that is started for each connection and serves users of the system. The system has none for it, so it
/// runs in a mount namespace with a passwd(5) of its own.
fn by_inetd(
    tool: &Tool,
    at: SocketAddr,
    user: &str,
    places: &Places,
    options: &[&str],
) -> Result<Command, Skipped> {
    if !is_root() {
        return Err(Skipped("a server of system users needs root, which gives it users of its own".into()));
    }
    let python = Tool::plain_python()?;
    let (users, rules) = (places.state.join("passwd"), places.state.join("pam.d"));
    let others = fs::read_to_string("/etc/passwd").unwrap();
    fs::write(&users, format!("{}{others}", passwd(user, places))).unwrap();
    fs::create_dir_all(&rules).unwrap();
    for name in ["ftp", "other"] {
        fs::write(rules.join(name), PAM).unwrap();
    }
    let mut command = Command::new("unshare");
    command.envs(tool.environment());
    command.args(["-m", "sh", "-c", IN_A_NAMESPACE, "sh"]);
    command.arg(users).arg("/etc/passwd").arg(rules).args(["/etc/pam.d", "--"]);
    command.arg(python.program()).arg(servers().join("inetd.py"));
    command.args([at.ip().to_string(), at.port().to_string()]).arg(tool.program()).args(options);
    Ok(command)
}

fn globus(server: &Foreign, tool: &Tool, at: SocketAddr, user: &str, places: &Places) -> Command {
    let users = places.state.join("passwd");
    write(&users, &passwd(user, places));
    let mut command = tool.command();
    command.env("LC_ALL", "C.UTF-8");
    command.args(["-s", "-c", "none", "-p", &at.port().to_string()]);
    command.args(["-control-interface", &at.ip().to_string(), "-data-interface", &at.ip().to_string()]);
    command.arg("-password-file").arg(users).arg("-home-dir").arg(&places.root);
    command.arg("-restrict-paths").arg(&places.root);
    // Each session runs the program again; it does not look for it where it was unpacked.
    command.arg("-exec").arg(tool.program());
    command.args(["-auth-level", "0", "-d", "WARN,ERROR", "-l"]).arg(&places.log);
    command.args(server.extra.split_whitespace());
    command
}
