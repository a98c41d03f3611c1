// FTPimp for Node.js: passive and in clear.
const fs = require('fs');
const { promisify } = require('util');
const FTP = require('ftpimp');
const env = process.env;

async function main() {
    const ftp = FTP.create({ host: env.FTP_HOST, port: Number(env.FTP_PORT), user: env.FTP_LOGIN, pass: env.FTP_PASSWORD, debug: false }, false);
    const call = (name, ...args) => promisify(ftp[name].bind(ftp))(...args);
    await call('connect');
    const steps = {
        'list': async () => fs.writeFileSync('listing', (await call('ls', 'd')).map((one) => one.filename).join('\n')),
        'download': () => call('save', ['d/a.bin', 'whole']),
        'upload': () => call('put', ['content', 'up.bin']),
        'rename': () => call('rename', ['old.bin', 'new.bin']),
        'delete': () => call('unlink', 'gone.bin'),
    };
    for (const step of process.argv.slice(2)) {
        console.log(step);
        await steps[step]();
    }
    ftp.quit(() => process.exit(0));
}

main().catch((error) => { console.error(error); process.exit(1); });
