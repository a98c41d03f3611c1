//! The session of an end is over while bytes move: the file goes on without it.

use super::*;

#[test]
fn a_session_that_ends_while_bytes_are_seen_to_move_leaves_the_other_end_its_transfer() {
    let moving = format!("{}moving\n", rescue::moving());
    for (lost, verb, other) in [("dst", "STOR", "src"), ("src", "RETR", "dst")] {
        let lose = format!("{moving}{lost}. closed\nwait 100000\n");
        let told = format!("= {lost} {verb}: closed, Busy, touched");
        plain().play(&format!("{lose}{other}< 226 done\n{told}, {other} complete"));
        plain().play(&format!("{lose}{other}. closed\n{told}"));
        plain().play(&format!(
            "{moving}{lost}< 421 idle\n{lost}. closed\n{other}< 226 done\n= {lost} {verb}: 421, Busy, touched, {other} complete"
        ));
        // What the loss has caused explains nothing, and what the other end decides does.
        plain().play(&format!("{lose}{other}< 426 off\n{told}"));
        plain().play(&format!("{lose}cancel\n{other}! abort\n{other}< 426 off\n{other}. aborted\n{told}"));
    }
    plain().play(&format!("{moving}src. closed\ndst< 552 full\n= dst STOR: 552, Space, touched"));
}

#[test]
fn h35_a_file_goes_on_without_the_session_of_an_end_until_its_last_byte() {
    let (src, dst) = ("= src RETR: closed, Busy, touched", "= dst STOR: closed, Busy, touched");
    for (play, told) in [
        // The number of the bytes stands for the reply of the source.
        (
            "src. closed\n copied\n ! finish\n finished\n dst< 226 stored",
            format!("{src}, dst complete, passed"),
        ),
        (
            "src. closed\n copied\n ! finish\n dst< 226 stored\n finished",
            format!("{src}, dst complete, passed"),
        ),
        (
            "copied\n src. closed\n ! finish\n finished\n dst< 226 stored",
            format!("{src}, dst complete, passed"),
        ),
        (
            "dst. closed\n copied\n src< 226 sent\n ! finish\n finished",
            format!("{dst}, src complete, passed"),
        ),
        (
            "dst. closed\n src< 226 sent\n copied\n ! finish\n finished",
            format!("{dst}, src complete, passed"),
        ),
        ("src. closed\n dst. closed\n copied\n ! finish\n finished", format!("{src}, passed")),
        (
            "copied\n src< 226 sent\n ! finish\n finished\n dst. closed",
            format!("{dst}, src complete, passed"),
        ),
        // A source that has closed early must not make a file that looks complete.
        ("src. closed\n copied less\n ! cut\n dst< 426 reset", src.to_owned()),
        ("src. closed\n dst. closed\n copied less\n ! cut", src.to_owned()),
        (
            "src. closed\n copied\n ! finish\n wait 100000\n ! cut\n dst! abort\n dst< 426 off\n dst. aborted",
            src.to_owned(),
        ),
        // What has ended does not go on.
        (
            "src. closed\n src. broken\n ! cut\n dst! abort\n dst< 426 off\n dst. aborted",
            "= src RETR: reset, Busy, touched".to_owned(),
        ),
        ("src. closed\n dst< 552 full\n ! cut", "= dst STOR: 552, Space, touched".to_owned()),
        ("src. closed\n cancel\n ! cut\n dst! abort\n dst< 426 off\n dst. aborted", src.to_owned()),
    ] {
        through::moving().play(&format!("moving\n {play}\n {told}"));
    }
    // Nothing was seen to move.
    through::moving()
        .play(&format!("src. closed\n ! cut\n dst! abort\n dst< 426 off\n dst. aborted\n {src}"));
}
