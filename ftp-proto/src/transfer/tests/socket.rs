//! H37: the data port that an end announces more than once.

use super::*;

/// Two servers of 1973, up to the transfer command of the source.
const OLD: &str = "
    dst: TYPE I
    src: TYPE I
    src< 200 image
    dst< 200 image
    dst: LSTN R
    dst< 255 SOCK 40002
    src: SOCK 3221225986,40002
    src< 255 SOCK 40003
    src: RETR a
";

fn old() -> Case {
    both("1973 SOCK LSTN")
}

#[test]
fn h37_a_255_that_comes_by_itself_names_the_socket_that_was_announced() {
    old().play(&format!(
        "{OLD}
         src< 255 SOCK 40003
         src< 250 started
         dst: STOR b
         dst< 255 SOCK 40002
         dst< 250 started
         src< 252 done
         dst< 252 done
         = moved 252 252"
    ));
}

#[test]
fn h37_another_socket_than_the_announced_one_fails_the_socket_verification() {
    let case = old();
    // The end that connects.
    case.play(&format!(
        "{OLD}
         src< 255 SOCK 40005
         src! abort
         dst! abort
         src< 435 aborted
         src. aborted
         dst. aborted
         = src RETR: 255 (OtherPort), Path"
    ));
    // The end that listens.
    case.play(&format!(
        "{OLD}
         src< 250 started
         dst: STOR b
         dst< 255 SOCK 40004
         src! abort
         dst! abort
         src< 452 aborted
         dst< 452 aborted
         src. aborted
         dst. aborted
         = dst STOR: 255 (OtherPort), Path, touched"
    ));
}

#[test]
fn h37_after_a_200_to_sock_the_first_255_is_the_announcement() {
    let start = OLD.replace("src< 255 SOCK 40003", "src< 200 noted");
    old().play(&format!(
        "{start}
         src< 255 SOCK 40003
         src< 255 SOCK 40003
         src< 255 SOCK 40005
         src! abort
         dst! abort
         dst. aborted
         src. aborted
         = src RETR: 255 (OtherPort), Path"
    ));
}
