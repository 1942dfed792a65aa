// Starts Learning Locker's statement service with two of its habits taken away: it would listen on every interface of
// this machine, and dial a MongoDB although it is told to keep all in memory.
'use strict';
const { Server } = require('http');
const { createRequire } = require('module');
const path = require('path');

const ours = createRequire(path.join(process.cwd(), 'package.json'));
const service = ours.resolve('@learninglocker/xapi-statements');
const theirs = createRequire(service);

const listen = Server.prototype.listen;
Server.prototype.listen = function onLoopback(port, ...rest) {
  const ready = rest.filter((one) => typeof one === 'function');
  return listen.call(this, Number(port), '127.0.0.1', ...ready);
};

theirs('mongodb').MongoClient.connect = () => new Promise(() => {});

ours('@learninglocker/xapi-statements/dist/server.js');
