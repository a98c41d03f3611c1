<?php
// PHP's files by URL: each one is a session of its own. `ftps://` is AUTH TLS, and all are passive.
set_error_handler(function ($level, $text) { return error_reporting() & $level ? throw new ErrorException($text) : true; });
$scheme = getenv('FTP_TLS') === 'clear' ? 'ftp' : 'ftps';
$login = getenv('FTP_LOGIN') . ':' . getenv('FTP_PASSWORD');
$url = "$scheme://$login@" . getenv('FTP_HOST') . ':' . getenv('FTP_PORT') . '/';
$tls = ['verify_peer' => false, 'verify_peer_name' => false];

function options($ftp = []) {
    global $tls;
    return stream_context_create(['ftp' => $ftp, 'ssl' => $tls]);
}

function ok($what, $result) {
    if ($result === false) throw new Exception("$what has failed");
    return $result;
}

function get($url, $local, $from = 0) {
    $bytes = ok('get', file_get_contents($url . 'd/a.bin', false, options($from ? ['resume_pos' => $from] : [])));
    ok('write', file_put_contents($local, $bytes, $from ? FILE_APPEND : 0));
}

$steps = [
    'list' => fn() => file_put_contents('listing', implode("\n", ok('scandir', scandir($url . 'd', 0, options())))),
    'download' => fn() => get($url, 'whole'),
    'resume-download' => fn() => get($url, 'part', 70000),
    'upload' => fn() => ok('copy', copy('content', $url . 'up.bin', options())),
    'resume-upload' => fn() => ok('append', file_put_contents($url . 'half.bin', substr(file_get_contents('content'), 70000), FILE_APPEND, options())),
    'rename' => fn() => ok('rename', rename($url . 'old.bin', $url . 'new.bin', options())),
    'delete' => fn() => ok('unlink', unlink($url . 'gone.bin', options())),
    'abort' => function () use ($url) {
        $data = ok('open', fopen($url . 'big.bin', 'rb', false, options()));
        ok('read', fread($data, 1000));
        @fclose($data); // it reads the 426 of its own end
        get($url, 'after');
    },
];
foreach (array_slice($argv, 1) as $step) {
    echo "$step\n";
    $steps[$step]();
}
