//! The clients of the matrix.

use super::super::tls::Begin;
use super::client::{Client, Lack, Step};
use super::setting::Version;
use super::start;

const PROGRAM: &str = "command line";
const NO_TLS: (Lack, &str) = (Lack::Tls, "it has no TLS");
const NO_ACTIVE: (Lack, &str) = (Lack::Active, "it has no active mode");
const NO_ABORT: (Lack, &str) = (Lack::Step(Step::Abort), "it has no way to stop a transfer");
const NO_RENAME: (Lack, &str) = (Lack::Step(Step::Rename), "it does not rename");
const ONCE: &str = "it uses each ticket of TLS 1.3 once and keeps only the last one";

/// All of them.
pub static CLIENTS: &[Client] = &[
    Client {
        name: "curl",
        language: PROGRAM,
        script: "curl.sh",
        start: || start::program("curl", &["curl"], "bin/curl"),
        package: "curl",
        lacks: &[(Lack::ActiveInsideTls, "7.87 and 7.88 never begin TLS on it (their issue 10666)")],
    },
    Client {
        name: "lftp",
        language: PROGRAM,
        script: "lftp.sh",
        start: || start::program("lftp", &["lftp"], "bin/lftp"),
        package: "lftp",
        lacks: &[],
    },
    Client {
        name: "wget",
        language: PROGRAM,
        script: "wget.sh",
        start: || start::program("wget", &["wget"], "bin/wget"),
        package: "wget",
        lacks: &[
            NO_TLS,
            (Lack::Step(Step::Upload), "it only downloads"),
            (Lack::Step(Step::ResumeUpload), "it only downloads"),
            (Lack::Step(Step::Rename), "it only downloads"),
            (Lack::Step(Step::Delete), "it only downloads"),
            NO_ABORT,
        ],
    },
    Client {
        name: "NcFTP",
        language: PROGRAM,
        script: "ncftp.sh",
        start: || start::program("ncftp", &["ncftp"], "bin/ncftpget"),
        package: "ncftp",
        lacks: &[NO_TLS, NO_RENAME, NO_ABORT],
    },
    Client {
        name: "tnftp",
        language: PROGRAM,
        script: "bsd-ftp.sh",
        start: || start::program("tnftp", &["tnftp"], "bin/tnftp"),
        package: "tnftp",
        lacks: &[NO_TLS],
    },
    Client {
        name: "GNU inetutils",
        language: PROGRAM,
        script: "bsd-ftp.sh",
        start: || start::program("inetutils-ftp", &["inetutils-ftp"], "bin/inetutils-ftp"),
        package: "inetutils-ftp",
        lacks: &[NO_TLS],
    },
    Client {
        name: "rclone",
        language: PROGRAM,
        script: "rclone.sh",
        start: || start::program("rclone", &["rclone"], "bin/rclone"),
        package: "rclone",
        lacks: &[NO_ACTIVE, (Lack::Step(Step::ResumeUpload), "it begins an upload anew")],
    },
    Client {
        name: "ftplib",
        language: "Python",
        script: "ftplib.py",
        start: || start::python(None),
        package: "python",
        lacks: &[],
    },
    Client {
        name: "aioftp",
        language: "Python",
        script: "aioftp.py",
        start: || start::python(Some("aioftp")),
        package: "aioftp",
        lacks: &[NO_ACTIVE],
    },
    Client {
        name: "ftputil",
        language: "Python",
        script: "ftputil.py",
        start: || start::python(Some("ftputil")),
        package: "ftputil",
        lacks: &[
            (Lack::Begin(Begin::Implicit), "it has explicit TLS only, as ftplib"),
            (Lack::StepInsideTls(Step::Abort), "it takes the data that are under way for a broken end"),
        ],
    },
    Client {
        name: "PycURL",
        language: "Python, C",
        script: "pycurl.py",
        start: || start::python(Some("pycurl")),
        package: "pycurl",
        lacks: &[],
    },
    Client {
        name: "Net::FTP",
        language: "Perl",
        script: "net-ftp.pl",
        start: start::perl,
        package: "perl",
        lacks: &[
            (Lack::Reuse, "it looks for the session under the number of the data port"),
            (Lack::StepInsideTls(Step::Abort), "it sends Telnet signals in clear between the records"),
        ],
    },
    Client {
        name: "ftp_*",
        language: "PHP",
        script: "ftp.php",
        start: start::php,
        package: "php8.2-cli",
        lacks: &[
            (Lack::Begin(Begin::Implicit), "it has explicit TLS only"),
            (Lack::ReuseOf(Version::Tls13), ONCE),
            NO_ABORT,
        ],
    },
    Client {
        name: "basic-ftp",
        language: "Node.js",
        script: "basic-ftp.js",
        start: || start::node("basic-ftp"),
        package: "basic-ftp",
        lacks: &[NO_ACTIVE],
    },
    Client {
        name: "ftp",
        language: "Node.js",
        script: "node-ftp.js",
        start: || start::node("ftp"),
        package: "ftp",
        lacks: &[
            NO_ACTIVE,
            (Lack::Begin(Begin::Implicit), "with Node.js 20 it waits for the greeting in clear"),
        ],
    },
    Client {
        name: "jsftp",
        language: "Node.js",
        script: "jsftp.js",
        start: || start::node("jsftp"),
        package: "jsftp",
        lacks: &[NO_TLS, NO_ACTIVE, (Lack::Step(Step::ResumeUpload), "it begins an upload anew"), NO_ABORT],
    },
    Client {
        name: "Net::FTP",
        language: "Ruby",
        script: "net-ftp.rb",
        start: start::ruby,
        package: "ruby3.1",
        lacks: &[
            (Lack::Begin(Begin::Implicit), "net-ftp 0.1.3 has explicit TLS only"),
            (Lack::ReuseOf(Version::Tls13), ONCE),
        ],
    },
    Client {
        name: "Commons Net",
        language: "Java",
        script: "CommonsNet.java",
        start: start::java,
        package: "libcommons-net-java",
        lacks: &[(Lack::Reuse, "it knows no session of the control connection")],
    },
    Client {
        name: "tcllib",
        language: "Tcl",
        script: "tcl.tcl",
        start: start::tcl,
        package: "tcllib",
        lacks: &[NO_TLS, NO_ABORT],
    },
    Client {
        name: "LuaSocket",
        language: "Lua",
        script: "luasocket.lua",
        start: start::lua,
        package: "lua-socket",
        lacks: &[
            NO_TLS,
            NO_ACTIVE,
            (Lack::Step(Step::ResumeDownload), "it begins a download anew"),
            NO_ABORT,
        ],
    },
    Client {
        name: "suppaftp",
        language: "Rust",
        script: "suppaftp",
        start: || start::rust("suppaftp"),
        package: "suppaftp",
        lacks: &[(
            Lack::ReuseOf(Version::Tls13),
            "rustls uses each ticket once, and four serve four data connections",
        )],
    },
];
