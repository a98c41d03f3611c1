# lftp: one session, with its own commands.
set -eu
scheme=ftp
settings="set net:max-retries 1; set net:timeout 30; set cmd:fail-exit yes; set ssl:verify-certificate no"
[ "$FTP_MODE" = passive ] || settings="$settings; set ftp:passive-mode off"
case $FTP_TLS in
    clear) settings="$settings; set ftp:ssl-allow no" ;;
    implicit) scheme=ftps ;;
esac
if [ "$FTP_TLS" != clear ]; then
    settings="$settings; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set ftp:ssl-protect-list yes"
    settings="$settings; set ssl:priority NORMAL:-VERS-ALL:+VERS-TLS$FTP_TLS_VERSION"
fi
script=
for step in "$@"; do
    case $step in
        list) more='cls d > listing; ls d >> listing' ;;
        download) more='get d/a.bin -o whole' ;;
        resume-download) more='get -c d/a.bin -o part' ;;
        upload) more='put content -o up.bin' ;;
        resume-upload) more='put -c content -o half.bin' ;;
        rename) more='mv old.bin new.bin' ;;
        delete) more='rm gone.bin' ;;
        # A reader that goes away ends the transfer.
        abort) more='set cmd:fail-exit no; cat big.bin | head -c 1000 > some; set cmd:fail-exit yes; get d/a.bin -o after' ;;
        *) exit 1 ;;
    esac
    script="$script; echo $step; $more"
done
"$FTP_PROGRAM" --norc -c "$settings; open -u $FTP_LOGIN,$FTP_PASSWORD $scheme://$FTP_HOST:$FTP_PORT$script; bye"
[ ! -e some ] || [ "$(wc -c <some)" = 1000 ]
