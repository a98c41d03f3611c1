//! The targets in the order of the page.

use super::Reference::{BestPeer, BestRun, Contender};
use super::Target;

const GIB_S: &str = "GiB/s";
const CPU: &str = "CPU s/GiB";
const FILES: &str = "files/s";
const MIB: &str = "MiB";
const MS: &str = "ms";

const ONE_FILE: &str = "one file from server to server";
const BOTH_ENDS: &str = "one file, source and destination";
const TREE: &str = "2000 x 4 KiB from server to server";
const TREE_CPU: &str = "2000 x 4 KiB, both servers, each file";
const QUEUED_TREE: &str = "100000 x 4 KiB by the queue";
const TRIPS: &str = "200 x 4 KiB over 50 ms, each file";
const LINE: &str = "one file, 100 Mbit/s, 0.1 % loss, cubic, rtt in ms";
const BBR: &str = "one file, 100 Mbit/s, 0.1 % loss, bbr, rtt in ms";
const LOSSY: &str = "one file, 100 Mbit/s, 100 ms, cubic, loss in %";
const LOSSY_AND_LONG: &str = "one file, 100 Mbit/s, 200 ms, cubic, loss in %";
const LOSSY_BBR: &str = "one file, 100 Mbit/s, 100 ms, bbr, loss in %";
const SMALL_FILES: &str = "500 x 20 kB, 100 Mbit/s, rtt in ms";

/// All targets of the benchmark.
pub const TARGETS: &[Target] = &[
    Target::least("T1", "peers", [ONE_FILE, GIB_S], 1.05).server().beside(BestPeer),
    Target::least("T1", "limit", [ONE_FILE, GIB_S], 0.95).server().beside(Contender("limit")),
    Target::most("T2", "peers", [BOTH_ENDS, CPU], 0.95).server().beside(BestPeer),
    Target::least("T3", "drain", ["RETR that is dropped", GIB_S], 0.9).server().beside(Contender("limit")),
    Target::least("T4", "fxp", ["PROT P from server to server by lftp", GIB_S], 2.0)
        .server()
        .beside(Contender("proftpd")),
    Target::most("T4", "fxp", ["PROT P from server to server by lftp", CPU], 0.6)
        .server()
        .beside(Contender("proftpd")),
    Target::least("T4", "fxp", ["PROT P from server to server by ftp-user", GIB_S], 2.0)
        .server()
        .beside(Contender("proftpd")),
    Target::most("T4", "fxp", ["PROT P from server to server by ftp-user", CPU], 0.6)
        .server()
        .beside(Contender("proftpd")),
    Target::least("T5", "tls", ["curl down, PROT P", GIB_S], 1.2).server().beside(BestPeer),
    Target::most("T5", "tls", ["curl down, PROT P", CPU], 0.7).server().beside(BestPeer),
    Target::least("T5", "tls", ["curl up, PROT P", GIB_S], 1.2).server().beside(BestPeer),
    Target::most("T5", "tls", ["curl up, PROT P", CPU], 0.7).server().beside(BestPeer),
    Target::least("T6", "tree", [TREE, FILES], 2.0).beside(Contender("globus-url-copy")),
    Target::least("T6", "tree", [TREE, FILES], 10.0).beside(Contender("lftp mirror -P1")),
    Target::least("T6", "tree", [TREE, FILES], 10.0).beside(Contender("lftp mirror -P8")),
    Target::most("T6", "tree", [TREE_CPU, "CPU ms"], 0.1),
    Target::least("T6f", "tree", ["2000 x 4 KiB between two vsftpd", FILES], 2.0).beside(BestPeer),
    Target::least("T6f", "tree", ["2000 x 4 KiB between two proftpd", FILES], 2.0).beside(BestPeer),
    Target::most("T7", "tree", [TRIPS, "round trips"], 0.1),
    Target::most("T7", "tree", ["the same between two vsftpd", "round trips"], 1.0),
    Target::most("T7", "tree", ["the same between two proftpd", "round trips"], 1.0),
    Target::least("T8", "login", ["login, RETR of 1 KiB, QUIT, 16 at once", "clients/s"], 3.0)
        .server()
        .beside(Contender("pure-ftpd")),
    Target::least("T8", "login", ["login, RETR of 1 KiB, QUIT, 16 at once", "clients/s"], 1.5)
        .server()
        .beside(BestRun),
    Target::most("T8", "login", ["login, RETR of 1 KiB, QUIT, each", "CPU ms"], 0.2).server(),
    Target::most("T9", "idle", ["idle session in clear (PSS)", "KiB"], 8.0).server(),
    Target::most("T9", "idle", ["idle session inside TLS (PSS)", "KiB"], 40.0).server(),
    Target::most("T9", "idle", ["server without sessions (PSS)", MIB], 12.0).server(),
    Target::most("T9", "idle", ["TLS server without sessions (PSS)", MIB], 12.0).server(),
    Target::least("", "idle", ["RETR beside idle sessions", GIB_S], 0.95)
        .server()
        .beside(Contender("without sessions")),
    Target::most("", "guesses", ["right login beside 1000 wrong ones", MS], 300.0).server().worst(),
    Target::most("T10", "list", ["first byte of LIST", MS], 10.0).server(),
    Target::most("T10", "list", ["all of LIST", MS], 1.0).server().beside(BestPeer),
    Target::most("T10", "list", ["memory more for LIST", MIB], 2.0).server(),
    Target::most("T10", "list", ["first byte of MLSD", MS], 10.0).server(),
    Target::most("T10", "list", ["all of MLSD", MS], 1.0).server().beside(BestPeer),
    Target::most("T10", "list", ["memory more for MLSD", MIB], 2.0).server(),
    Target::least("T11", "relay", ["relay over loopback", GIB_S], 1.0)
        .of("ftp-relay-agent")
        .beside(Contender("haproxy")),
    Target::most("T11", "relay", ["relay over loopback", CPU], 1.0)
        .of("ftp-relay-agent")
        .beside(Contender("haproxy")),
    Target::least("T11", "relay", ["relay over veth, MTU 1500", GIB_S], 1.0)
        .of("ftp-relay-agent")
        .beside(Contender("haproxy")),
    Target::most("T11", "relay", ["relay over veth, MTU 1500", CPU], 1.0)
        .of("ftp-relay-agent")
        .beside(Contender("haproxy")),
    Target::most("T12", "relay", ["relay, the file", "MB"], 3.0).of("static ftp-relay-agent"),
    Target::most("T12", "relay", ["relay without sessions", "MB"], 5.0).of("static ftp-relay-agent"),
    Target::most("T12", "relay", ["relay with 64 joins at once", "MB"], 8.0).of("static ftp-relay-agent"),
    Target::most("T12", "crowd", ["500 user agents, half blocked", MIB], 40.0).of("ftp-relay-agent"),
    Target::most("", "crowd", ["a minute of an idle agent", "CPU ms"], 10.0).of("ftp-relay-agent"),
    Target::least("T13", "through", ["one file through this host", GIB_S], 1.3).beside(Contender("rclone")),
    Target::most("T13", "through", ["one file through this host", CPU], 0.5).beside(Contender("rclone")),
    Target::least("T13", "tree", ["2000 x 4 KiB through this host", FILES], 2.0).beside(Contender("rclone")),
    Target::most("T14", "", ["login and a copy in clear, cold, at each end", "round trips"], 8.0),
    Target::most("T15", "tree", ["first file of a very large directory", "s"], 1.0),
    Target::most("T15", "tree", ["first 20 s of a copy of 1,000,000 files", MIB], 100.0),
    Target::least("T16", "digest", ["RETR with BLAKE3", GIB_S], 0.85).server().beside(Contender("no digest")),
    // 0.85 of 10 Gbit/s: what is not faster than such a network loses nothing there.
    Target::least("T16", "digest", ["RETR with BLAKE3", GIB_S], 0.99).server(),
    Target::least("T17", "lines", [LINE, "Mbit/s"], 0.9)
        .at(20.0)
        .of("ftp-user --streams 16")
        .beside(Contender("globus -p 16")),
    Target::least("T17", "lines", [LINE, "Mbit/s"], 0.9)
        .at(100.0)
        .of("ftp-user --streams 16")
        .beside(Contender("globus -p 16")),
    Target::least("T17", "lines", [LINE, "Mbit/s"], 0.9)
        .at(200.0)
        .of("ftp-user --streams 16")
        .beside(Contender("globus -p 16")),
    Target::least("T17", "lines", [LOSSY, "Mbit/s"], 0.9)
        .at(0.01)
        .of("ftp-user --streams 16")
        .beside(Contender("globus -p 16")),
    Target::least("T17", "lines", [LOSSY_AND_LONG, "Mbit/s"], 0.9)
        .at(1.0)
        .of("ftp-user --streams 16")
        .beside(Contender("globus -p 16")),
    // Nine tenths of what the packets of such a line can hold.
    Target::least("T17", "lines", [BBR, "Mbit/s"], 86.8).at(20.0),
    Target::least("T17", "lines", [BBR, "Mbit/s"], 86.8).at(100.0),
    Target::least("T17", "lines", [LOSSY_BBR, "Mbit/s"], 86.8).at(0.01),
    Target::most("T18", "", ["from a clone to the first verified tree", "s"], 120.0),
    Target::most("T19", "latency", [SMALL_FILES, "s"], 1.3).at(20.0),
    Target::most("T19", "latency", [SMALL_FILES, "s"], 2.0).at(100.0),
    Target::most("T19", "latency", [SMALL_FILES, "s"], 3.5).at(200.0),
    Target::most("T20", "", ["from start to the first byte, cold", "round trips"], 5.0),
    Target::most("T20", "", ["from start to the first byte, known pair", "round trips"], 3.5),
    Target::most("T20", "", ["after the last byte", "round trips"], 2.5),
    Target::most("", "limit", ["the source while it sends", MIB], 24.0).server().worst(),
    Target::most("", "limit", ["the destination while it receives", MIB], 24.0).server().worst(),
    Target::most("", "move", ["move, files in one directory", "s"], 1.1).beside(Contender("copy and DELEs")),
    Target::most("", "move", ["move, files in directories of 100", "s"], 1.1)
        .beside(Contender("copy and DELEs")),
    Target::most("", "move", ["move, 20 large files", "s"], 1.1).beside(Contender("copy and DELEs")),
    Target::most("", "sync", ["dry run of sync --delete, a thousandth differs", "s"], 5.0),
    Target::most("", "sync", ["dry run of sync --delete, resident", MIB], 200.0).worst(),
    Target::most("", "shell", ["shell with an empty script", MS], 50.0),
    Target::most("", "shell", ["100 of 10,000 names at Tab", MS], 20.0),
    Target::most("", "first", ["copy of 1 KiB where paths are dead", MS], 2500.0),
    Target::most("", "insiders", ["longer beside an insider, median", MS], 100.0).worst(),
    Target::most("", "insiders", ["longer beside an insider, at the most", MS], 1000.0).worst(),
    Target::most("", "insiders", ["failed beside an insider", "sessions"], 0.0).worst(),
    Target::most("", "insiders", ["held after an insider", "descriptors"], 8.0).worst(),
    Target::least("", "queue", ["jobs submitted, begun and ended", "jobs/s"], 300.0),
    Target::most("", "queue", ["99 of 100 jobs ended after", "s"], 1.0),
    Target::least("", "queue", ["jobs of a database, 8 workers", "jobs/s"], 1000.0),
    Target::most("", "queue", ["99 of 100 jobs of a database ended after", "s"], 1.0),
    Target::least("", "queue", [QUEUED_TREE, FILES], 0.95).of("1 worker").beside(Contender("copy")),
    Target::least("", "queue", [QUEUED_TREE, FILES], 1.0)
        .of("4 workers of a database")
        .beside(Contender("copy")),
    Target::most("", "queue", ["answers with 100,000 jobs, median", MS], 50.0).worst(),
    Target::most("", "queue", ["answers with 100,000 jobs, 99 of 100", MS], 200.0).worst(),
    Target::most("", "queue", ["daemon with 10,000 jobs and 1,000 listeners (PSS)", MIB], 64.0),
    Target::least("", "tree", ["tree with a limit that does not bind", FILES], 0.9)
        .beside(Contender("no limit")),
    Target::most("", "tree", ["rate beside a limit that binds, deviation", "%"], 5.0),
];
