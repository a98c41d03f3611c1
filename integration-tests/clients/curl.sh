# curl: a session for each command line.
set -eu
scheme=ftp
options="-sS --max-time 60 --user $FTP_LOGIN:$FTP_PASSWORD"
[ "$FTP_MODE" = passive ] || options="$options --ftp-port -"
case $FTP_TLS in
    explicit) options="$options --ssl-reqd -k --tlsv$FTP_TLS_VERSION --tls-max $FTP_TLS_VERSION" ;;
    implicit) options="$options -k --tlsv$FTP_TLS_VERSION --tls-max $FTP_TLS_VERSION" scheme=ftps ;;
esac
url=$scheme://$FTP_HOST:$FTP_PORT
for step in "$@"; do
    echo "$step"
    case $step in
        list) "$FTP_PROGRAM" $options "$url/d/" -o listing ;;
        download) "$FTP_PROGRAM" $options "$url/d/a.bin" -o whole ;;
        resume-download) "$FTP_PROGRAM" $options -C - "$url/d/a.bin" -o part ;;
        upload) "$FTP_PROGRAM" $options -T content "$url/up.bin" ;;
        resume-upload) "$FTP_PROGRAM" $options -C - -T content "$url/half.bin" ;;
        rename) "$FTP_PROGRAM" $options -Q "RNFR old.bin" -Q "RNTO new.bin" "$url/d/" -o nothing ;;
        delete) "$FTP_PROGRAM" $options -Q "DELE gone.bin" "$url/d/" -o nothing ;;
        # A range that ends ends the transfer.
        abort) "$FTP_PROGRAM" $options -r 0-999 "$url/big.bin" -o some
            [ "$(wc -c <some)" = 1000 ]
            "$FTP_PROGRAM" $options "$url/d/a.bin" -o after ;;
        *) exit 1 ;;
    esac
done
