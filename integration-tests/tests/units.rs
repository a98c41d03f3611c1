//! The units of systemd in the documents: they take from a service what it does not need.

use integration_tests::foreign::Tool;
use integration_tests::user::user;
use integration_tests::{or_skip, skip};
use std::fs;
use std::path::{Path, PathBuf};

/// The first unit of a page, as a file has it.
fn unit(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/guide").join(page);
    let text = fs::read_to_string(path).unwrap();
    let block = text.split("```ini\n").find(|block| block.contains("[Service]")).unwrap();
    block.split("\n```").next().unwrap().to_owned()
}

#[test]
fn the_unit_of_the_relay_leaves_it_little_to_do_but_to_use_the_network() {
    let unit = unit("install-a-relay.md");
    let lines: Vec<&str> = unit.lines().collect();
    for line in [
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateDevices=yes",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
        "MemoryDenyWriteExecute=yes",
        "SystemCallFilter=~@privileged @resources",
        "Restart=on-failure",
        "LimitNOFILE=16384",
    ] {
        assert!(lines.contains(&line), "{line} is missing:\n{unit}");
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ftp-relay-agent.service");
    fs::write(&file, &unit).unwrap();
    exposes_at_most(&file, 20);
}

/// A unit of the packages.
struct Packaged {
    program: &'static str,
    name: &'static str,
    capabilities: &'static str,
    /// How exposed its service may be.
    tenths: u8,
}

const PACKAGED: [Packaged; 3] = [
    Packaged {
        program: "ftp-server",
        name: "ftp-server.service",
        capabilities: "CAP_NET_BIND_SERVICE",
        tenths: 25,
    },
    Packaged {
        program: "ftp-relay-agent",
        name: "ftp-relay-agent.service",
        capabilities: "CAP_NET_BIND_SERVICE",
        tenths: 20,
    },
    Packaged { program: "ftp-user", name: "ftp-user-daemon.service", capabilities: "", tenths: 15 },
];

/// A file of the package of a program.
fn packaged(program: &str, name: &str) -> PathBuf {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    top.join("packaging").join(program).join(name)
}

#[test]
fn the_units_of_the_packages_leave_the_services_little_to_do_but_to_use_the_network() {
    for Packaged { program, name, capabilities, tenths } in PACKAGED {
        let file = packaged(program, name);
        let unit = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = unit.lines().collect();
        for line in [
            "Type=notify",
            "NoNewPrivileges=yes",
            &format!("CapabilityBoundingSet={capabilities}"),
            "ProtectSystem=strict",
            "ProtectHome=yes",
            "MemoryDenyWriteExecute=yes",
            "SystemCallFilter=~@privileged @resources",
        ] {
            assert!(lines.contains(&line), "{name}: {line} is missing");
        }
        // A service without a user or token of its operator does not start. Nobody enters the daemon of ftp-user without a token.
        let waits = unit.contains("ConditionFileNotEmpty=/etc/");
        assert!(waits || program == "ftp-user", "{name}");
        exposes_at_most(&file, tenths);
    }
}

#[test]
fn the_settings_of_the_packaged_daemon_are_read_with_and_without_what_they_show_in_comments() {
    let text = fs::read_to_string(packaged("ftp-user", "daemon.toml")).unwrap();
    let is_setting = |line: &&str| {
        let is_key = line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
        is_key || (line.starts_with('[') && line.ends_with(']'))
    };
    // Another value of `listen` is shown as a comment. A database is for builds with the feature `postgres`.
    let lines = text.lines().filter(|line| !line.starts_with("listen = ") && !line.starts_with("# store"));
    let shown: Vec<&str> =
        lines.map(|line| line.strip_prefix("# ").filter(is_setting).unwrap_or(line)).collect();
    assert!(shown.contains(&"[sites.lab]") && shown.contains(&"tls-cert = \"cert.pem\""), "{shown:?}");
    for settings in [&text, &shown.join("\n")] {
        user()
            .private_file("daemon.toml", settings)
            .args(["--config", "daemon.toml", "sites", "list"])
            .run()
            .exits(0);
    }
}

/// systemd-analyze says how exposed the service of a unit is, in tenths; it fails above the threshold.
fn exposes_at_most(file: &Path, tenths: u8) {
    let analyze = or_skip!(Tool::installed("bin/systemd-analyze"));
    let threshold = format!("--threshold={tenths}");
    let judged = analyze.command().args(["security", "--offline=true", &threshold]).arg(file).output();
    let judged = judged.unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&judged.stdout), String::from_utf8_lossy(&judged.stderr));
    if said.contains("unrecognized option") || !said.contains("Overall exposure level") {
        skip!("this systemd-analyze judges no file");
    }
    assert!(judged.status.success(), "{said}");
}

/// systemd reads the unit of a package without a word. The program that it starts stands somewhere else here.
#[test]
fn systemd_reads_the_units_of_the_packages() {
    let analyze = or_skip!(Tool::installed("bin/systemd-analyze"));
    for Packaged { program, name, .. } in PACKAGED {
        let unit = fs::read_to_string(packaged(program, name)).unwrap();
        let installed = format!("ExecStart=/usr/bin/{program} ");
        assert!(unit.contains(&installed), "{unit}");
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(name);
        fs::write(&file, unit.replace(&installed, "ExecStart=/bin/sh ")).unwrap();
        let verified = analyze.command().args(["verify", "--man=no"]).arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&verified.stderr).into_owned();
        // What it says of other units of this host is not ours.
        let ours: Vec<&str> = said.lines().filter(|line| line.contains(name)).collect();
        assert!(ours.is_empty(), "{said}");
    }
}
