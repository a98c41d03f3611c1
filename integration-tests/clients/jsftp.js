// jsftp for Node.js: passive and in clear.
const fs = require('fs');
const { promisify } = require('util');
const { pipeline } = require('stream/promises');
const Client = require('jsftp');
const env = process.env;

async function main() {
    const ftp = new Client({ host: env.FTP_HOST, port: Number(env.FTP_PORT), user: env.FTP_LOGIN, pass: env.FTP_PASSWORD });
    await promisify(ftp.auth.bind(ftp))(env.FTP_LOGIN, env.FTP_PASSWORD);
    const call = (name, ...args) => promisify(ftp[name].bind(ftp))(...args);
    // Its own `get` never ends with the streams of today's Node.js.
    const get = async (path, local, flags) => {
        const data = await call('getGetSocket', path);
        await pipeline(data, fs.createWriteStream(local, { flags }));
    };
    const steps = {
        'list': async () => fs.writeFileSync('listing', (await call('ls', 'd')).map((one) => one.name).join('\n')),
        'download': () => get('d/a.bin', 'whole', 'w'),
        'resume-download': async () => {
            await call('raw', 'rest', 70000);
            await get('d/a.bin', 'part', 'a');
        },
        'upload': () => call('put', fs.readFileSync('content'), 'up.bin'),
        'rename': () => call('rename', 'old.bin', 'new.bin'),
        'delete': () => call('raw', 'dele', 'gone.bin'),
    };
    for (const step of process.argv.slice(2)) {
        console.log(step);
        await steps[step]();
    }
    await call('raw', 'quit');
    ftp.destroy();
}

main().catch((error) => { console.error(error); process.exit(1); });
