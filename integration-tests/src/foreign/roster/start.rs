//! How the scripts of each language start.

use super::super::fetch::Tool;
use super::client::Start;
use crate::skip::Skipped;
use std::path::Path;

fn script(name: &str) -> Vec<String> {
    vec![name.to_owned()]
}

/// A script of the shell for a program of Debian: `FTP_PROGRAM` is its path.
pub(super) fn program(name: &str, packages: &[&str], binary: &str) -> Start {
    let tool = Tool::debian(name, packages, binary)?;
    let shell = Tool::installed("bin/sh")?.like(&tool);
    Ok((shell.with("FTP_PROGRAM", tool.program()), script("script.sh")))
}

/// A script of Python with a package of PyPI, or with its own library.
pub(super) fn python(package: Option<&str>) -> Start {
    Ok((package.map_or_else(Tool::plain_python, Tool::python)?, script("script.py")))
}

/// A script of Node.js with a package of npm, by its directory and its name; the name may have a version.
pub(super) fn node_of(name: &str, package: &str) -> Start {
    Ok((Tool::node_with(name, &[package])?, script("script.js")))
}

/// The same where both are one.
pub(super) fn node(package: &str) -> Start {
    node_of(package, package)
}

/// A script of Perl with what it needs for TLS.
pub(super) fn perl() -> Start {
    let tls = Tool::debian_library("perl-tls", &["libio-socket-ssl-perl", "libnet-ssleay-perl"])?;
    let (pure, native) = (tls.beside("share/perl5"), tls.libraries().join("perl5/5.36"));
    let path = std::env::join_paths([pure, native]).unwrap();
    Ok((Tool::installed("bin/perl")?.with("PERL5LIB", path), script("script.pl")))
}

/// A module of Erlang, which is compiled and run.
pub(super) fn erlang() -> Start {
    let packages =
        ["base", "ftp", "ssl", "public-key", "asn1", "crypto"].map(|name| format!("erlang-{name}"));
    let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    // Its own start script looks for it where it would be installed.
    let tool = Tool::debian("erlang", &packages, "lib/erlang/erts-13.1.5/bin/erlexec")?;
    let (root, programs) = (tool.beside("lib/erlang"), tool.beside("lib/erlang/erts-13.1.5/bin"));
    let tool =
        tool.with("ROOTDIR", root).with("BINDIR", programs).with("EMU", "beam").with("PROGNAME", "erl");
    let run = "{ok, M} = compile:file(\"script.erl\"), M:main(init:get_plain_arguments()), halt().";
    Ok((tool, ["-noshell", "-eval", run, "-extra"].map(str::to_owned).to_vec()))
}

/// A script of Python for a program of the system: `FTP_PROGRAM` is its path.
pub(super) fn python_for(program: &str) -> Start {
    if !Path::new(program).is_file() {
        return Err(Skipped(format!("{program} is missing")));
    }
    Ok((Tool::plain_python()?.with("FTP_PROGRAM", program), script("script.py")))
}

/// A script of PHP, whose configuration of OpenSSL sets the version of TLS.
pub(super) fn php() -> Start {
    let tool = Tool::debian("php", &["php8.2-cli", "php8.2-common"], "bin/php8.2")?;
    let extension = format!("extension={}", tool.beside("lib/php/20220829/ftp.so").display());
    let args = ["-n", "-d", &extension, "script.php"].map(str::to_owned).to_vec();
    Ok((tool.with("OPENSSL_CONF", "openssl.cnf"), args))
}

/// A script of Ruby.
pub(super) fn ruby() -> Start {
    let tool = Tool::debian("ruby", &["ruby3.1", "libruby3.1"], "bin/ruby3.1")?;
    let gem = |name: &str| tool.beside("lib/ruby/gems/3.1.0/gems").join(name).join("lib");
    let path = [
        gem("net-ftp-0.1.3"),
        gem("net-protocol-0.1.2"),
        tool.beside("lib/ruby/3.1.0"),
        tool.libraries().join("ruby/3.1.0"),
        tool.beside("lib/ruby/vendor_ruby"),
    ];
    let path = std::env::join_paths(path).unwrap();
    Ok((tool.with("RUBYLIB", path), script("script.rb")))
}

/// A program of Java in one file, with nothing but Java.
pub(super) fn plain_java() -> Start {
    Tool::installed("bin/javac")?; // a runtime alone does not start a source file
    Ok((Tool::installed("bin/java")?, script("script.java")))
}

/// A program of Java in one file, with the library of Debian.
pub(super) fn java() -> Start {
    let library = Tool::debian_library("commons-net", &["libcommons-net-java"])?;
    Tool::installed("bin/javac")?; // a runtime alone does not start a source file
    let jar = library.beside("share/java/commons-net.jar").display().to_string();
    Ok((
        Tool::installed("bin/java")?.like(&library),
        ["-cp", &jar, "script.java"].map(str::to_owned).to_vec(),
    ))
}

/// A script of Tcl with the library of Debian.
pub(super) fn tcl() -> Start {
    Ok((Tool::tcllib()?, script("script.tcl")))
}

/// A script of Lua with the library of Debian.
pub(super) fn lua() -> Start {
    let tool = Tool::debian("lua", &["lua5.4", "lua-socket"], "bin/lua5.4")?;
    let scripts = tool.beside("share/lua/5.4/?.lua");
    let native = tool.libraries().join("lua/5.4/?.so");
    Ok((tool.with("LUA_PATH", scripts).with("LUA_CPATH", native), script("script.lua")))
}

/// A program of Rust around a crate.
pub(super) fn rust(name: &str) -> Start {
    Ok((Tool::of_crate(name)?, Vec::new()))
}
