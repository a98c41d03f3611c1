# tcllib's ftpd as a server of one user: ADDRESS PORT ROOT USER PASSWORD
package require ftpd
lassign $argv address port root user password
proc log {level text} { puts stderr "$level $text" }
proc isUser {given secret} {
    global user password
    expr {$given eq $user && $secret eq $password}
}
proc isAllowed {given path operation} { return 1 }
ftpd::config -logCmd log -authUsrCmd isUser -authFileCmd isAllowed
set ftpd::port $port
set ftpd::cwd $root
ftpd::server $address
vwait forever
