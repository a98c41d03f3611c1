# The package ftp of Tcl's standard library, in clear.
package require ftp
proc ok {what done} {
    if {$done != 1} { error "$what has failed: $done" }
}
proc say {handle text state} {
    puts stderr "$state $text"
}
set ftp [ftp::Open $env(FTP_HOST) $env(FTP_LOGIN) $env(FTP_PASSWORD) \
    -port $env(FTP_PORT) -mode $env(FTP_MODE) -timeout 60 -output say]
if {$ftp < 0} { error "no session" }
ok TYPE [expr {[ftp::Type $ftp binary] eq "binary"}]
proc bytes {name} {
    set file [open $name rb]
    set all [read $file]
    close $file
    return $all
}
set step(list) {
    set file [open listing w]
    puts $file [join [concat [ftp::NList $ftp d] [ftp::List $ftp d]] \n]
    close $file
}
set step(download) { ok get [ftp::Get $ftp d/a.bin whole] }
set step(resume-download) { ok reget [ftp::Reget $ftp d/a.bin part] }
set step(upload) { ok put [ftp::Put $ftp content up.bin] }
set step(resume-upload) { ok append [ftp::Append $ftp -data [string range [bytes content] 70000 end] half.bin] }
set step(rename) { ok rename [ftp::Rename $ftp old.bin new.bin] }
set step(delete) { ok delete [ftp::Delete $ftp gone.bin] }
foreach name $argv {
    puts $name
    flush stdout
    eval $step($name)
}
ftp::Close $ftp
