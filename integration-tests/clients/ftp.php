<?php
// PHP's ftp_* functions. They know explicit TLS only, and choose the version themselves.
set_error_handler(function ($level, $text) { throw new ErrorException($text); });
$kind = getenv('FTP_TLS');
$open = $kind === 'clear' ? 'ftp_connect' : 'ftp_ssl_connect';
$ftp = $open(getenv('FTP_HOST'), (int) getenv('FTP_PORT'), 60);

function ok($what, $result) {
    if ($result === false) throw new Exception("$what has failed");
    return $result;
}

ok('login', ftp_login($ftp, getenv('FTP_LOGIN'), getenv('FTP_PASSWORD')));
ok('pasv', ftp_pasv($ftp, getenv('FTP_MODE') === 'passive'));

$steps = [
    'list' => function () use ($ftp) {
        $names = array_merge(ok('nlist', ftp_nlist($ftp, 'd')), ok('rawlist', ftp_rawlist($ftp, 'd')));
        foreach (ok('mlsd', ftp_mlsd($ftp, 'd')) as $entry) $names[] = $entry['name'];
        file_put_contents('listing', implode("\n", $names));
    },
    'download' => fn() => ok('get', ftp_get($ftp, 'whole', 'd/a.bin', FTP_BINARY)),
    'resume-download' => fn() => ok('get', ftp_get($ftp, 'part', 'd/a.bin', FTP_BINARY, FTP_AUTORESUME)),
    'upload' => fn() => ok('put', ftp_put($ftp, 'up.bin', 'content', FTP_BINARY)),
    'resume-upload' => fn() => ok('put', ftp_put($ftp, 'half.bin', 'content', FTP_BINARY, FTP_AUTORESUME)),
    'rename' => fn() => ok('rename', ftp_rename($ftp, 'old.bin', 'new.bin')),
    'delete' => fn() => ok('delete', ftp_delete($ftp, 'gone.bin')),
];
foreach (array_slice($argv, 1) as $step) {
    echo "$step\n";
    $steps[$step]();
}
ftp_close($ftp);
