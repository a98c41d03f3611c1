# rclone. It has no active mode; its TLS sessions are resumed by itself.
set -eu
password=$("$FTP_PROGRAM" obscure "$FTP_PASSWORD")
site=":ftp,host=$FTP_HOST,port=$FTP_PORT,user=$FTP_LOGIN,pass=$password,concurrency=1"
case $FTP_TLS in
    explicit) site="$site,explicit_tls=true,no_check_certificate=true" ;;
    implicit) site="$site,tls=true,no_check_certificate=true" ;;
esac
[ "${FTP_TLS_VERSION:-}" != 1.2 ] || site="$site,disable_tls13=true"
options="--retries 1 --low-level-retries 1 --config="
for step in "$@"; do
    echo "$step"
    case $step in
        list) "$FTP_PROGRAM" $options lsf "$site:d" >listing ;;
        download) "$FTP_PROGRAM" $options copyto "$site:d/a.bin" whole ;;
        resume-download) "$FTP_PROGRAM" $options cat --offset 70000 "$site:d/a.bin" >>part ;;
        upload) "$FTP_PROGRAM" $options copyto content "$site:up.bin" ;;
        rename) "$FTP_PROGRAM" $options moveto "$site:old.bin" "$site:new.bin" ;;
        delete) "$FTP_PROGRAM" $options deletefile "$site:gone.bin" ;;
        abort) "$FTP_PROGRAM" $options cat --count 1000 "$site:big.bin" >some
            [ "$(wc -c <some)" = 1000 ]
            "$FTP_PROGRAM" $options copyto "$site:d/a.bin" after ;;
        *) exit 1 ;;
    esac
done
