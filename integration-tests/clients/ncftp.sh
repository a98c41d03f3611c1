# NcFTP's programs for scripts, in clear: ncftpls, ncftpget, ncftpput.
set -eu
bin=$(dirname "$FTP_PROGRAM")
mode=-F
[ "$FTP_MODE" = passive ] || mode=-E
options="$mode -u $FTP_LOGIN -p $FTP_PASSWORD -P $FTP_PORT -t 30 -r 1"
for step in "$@"; do
    echo "$step"
    case $step in
        list) "$bin/ncftpls" $options "ftp://$FTP_HOST/d/" >listing ;;
        download) "$bin/ncftpget" $options -V -C "$FTP_HOST" d/a.bin whole ;;
        resume-download) cp part a.bin; "$bin/ncftpget" $options -V -z "$FTP_HOST" . d/a.bin; mv a.bin part ;;
        upload) "$bin/ncftpput" $options -V -C "$FTP_HOST" content up.bin ;;
        resume-upload) tail -c +70001 content >half.bin; "$bin/ncftpput" $options -V -A "$FTP_HOST" . half.bin ;;
        # -DD deletes what has been downloaded.
        delete) "$bin/ncftpget" $options -V -DD "$FTP_HOST" . gone.bin ;;
        *) exit 1 ;;
    esac
done
