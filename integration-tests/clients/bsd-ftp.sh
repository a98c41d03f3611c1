# The ftp program of BSD and its relatives (tnftp, inetutils), and netkit's with TLS: commands on standard input.
set -eu
case ${FTP_PROGRAM##*/} in
    tnftp) flags=-A; [ "$FTP_MODE" = active ] || flags=-p ;;
    # It takes TLS where it is offered, and is active without an option.
    ftp-ssl) flags=-v; [ "$FTP_MODE" = active ] || flags=-p; [ "$FTP_TLS" = clear ] || export OPENSSL_CONF=openssl.cnf ;;
    *) flags=-A; [ "$FTP_MODE" = active ] || flags=-p ;;
esac
{
    echo "user $FTP_LOGIN $FTP_PASSWORD"
    echo binary
    for step in "$@"; do
        case $step in
            list) echo 'ls d listing' ;;
            download) echo 'get d/a.bin whole' ;;
            resume-download) echo 'reget d/a.bin part' ;;
            upload) echo 'put content up.bin' ;;
            resume-upload) tail -c +70001 content >rest; echo 'append rest half.bin' ;;
            rename) echo 'rename old.bin new.bin' ;;
            delete) echo 'delete gone.bin' ;;
            # A reader that goes away ends the transfer.
            abort) echo 'get big.bin "|head -c 1000 >some"'; echo 'get d/a.bin after' ;;
            *) exit 1 ;;
        esac
    done
    echo bye
} >commands
"$FTP_PROGRAM" "$flags" -n -i -v "$FTP_HOST" "$FTP_PORT" <commands
[ ! -e some ] || [ "$(wc -c <some)" = 1000 ]
