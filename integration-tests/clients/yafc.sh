# yafc, in clear: commands on standard input.
set -eu
mkdir -p .yafc
{
    echo 'read_netrc no'
    echo 'use_history no'
    if [ "$FTP_MODE" = passive ]; then echo 'passive_mode yes'; else echo 'passive_mode no'; fi
} >.yafc/yafcrc
{
    for step in "$@"; do
        case $step in
            list) echo 'nlist d' ;;
            download) echo 'get --output=whole d/a.bin' ;;
            resume-download) echo 'get --resume --output=part d/a.bin' ;;
            upload) echo 'put --output=up.bin content' ;;
            resume-upload) echo 'put --resume --output=half.bin content' ;;
            rename) echo 'mv old.bin new.bin' ;;
            delete) echo 'rm --force gone.bin' ;;
            *) exit 1 ;;
        esac
    done
    echo bye
} >commands
"$FTP_PROGRAM" "ftp://$FTP_LOGIN:$FTP_PASSWORD@$FTP_HOST:$FTP_PORT" <commands >listing
cat listing
