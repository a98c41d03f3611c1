//! Parts of a file: RANG at both ends.

use super::*;

#[test]
fn a_part_in_the_middle_is_named_to_both_ends_by_rang() {
    let part = ByteRange::through(4096, 8191);
    plain().with(|transfer, _| transfer.part = part).play(&format!(
        "{TYPE}
         dst: PASV
         dst< 227 (192,0,2,2,156,66)
         dst: RANG 4096 8191
         src: PORT 192,0,2,2,156,66
         src< 200 ok
         src: RANG 4096 8191
         src< 350 ok
         dst< 350 ok
         src: RETR a"
    ));
    // The first bytes are a part as well.
    let first =
        format!("{TYPE}dst: PASV\ndst< 227 (192,0,2,2,156,66)\ndst: RANG 0 9\nsrc: PORT 192,0,2,2,156,66");
    plain().with(|transfer, _| transfer.part = ByteRange::through(0, 9)).play(&first);
}

#[test]
fn gridftp_names_the_part_in_the_transfer_command() {
    let part = ByteRange::through(4096, 8191);
    let grid = |features| both(features).with(|all, _| all.part = part);
    grid("ERET ESTO").play(&format!(
        "{TYPE}
         dst: PASV
         dst< 227 (192,0,2,2,156,66)
         src: PORT 192,0,2,2,156,66
         src< 200 ok
         src: ERET P 4096 4096 a
         src< 150 sends
         dst: ESTO A 4096 b"
    ));
    // What is sent from a byte on is named by REST, whose end nobody has to know.
    both("ERET ESTO").with(|all, _| all.part = Some(ByteRange::from(7))).play(&format!(
        "{TYPE}dst: PASV\ndst< 227 (192,0,2,2,156,66)\ndst: REST 7\nsrc: PORT 192,0,2,2,156,66"
    ));
}
