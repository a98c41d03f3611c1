// simple-ftpd as a server of one user: ADDRESS PORT ROOT USER PASSWORD
const fs = require("fs");
const ftpd = require("simple-ftpd");

// A client whose connection is reset would end the server.
process.on("uncaughtException", console.error);

const [address, port, root, user, password] = process.argv.slice(2);
ftpd({ host: address, port: Number(port), root, readOnly: false, maxConnections: 100 }, (session) => {
  session.on("pass", (name, given, done) =>
    name === user && given === password ? done(null, "Welcome") : done(new Error("no such login")));
  for (const call of ["stat", "readdir", "mkdir", "unlink", "rename"]) session.on(call, fs[call]);
  session.on("remove", fs.rmdir);
  session.on("rmdir", fs.rmdir);
  session.on("read", (path, offset, done) => done(null, fs.createReadStream(path, { start: offset })));
  session.on("write", (path, offset, done) =>
    done(null, fs.createWriteStream(path, { start: offset, flags: offset ? "r+" : "w" })));
});
