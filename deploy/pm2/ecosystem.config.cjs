// Gavelcast under PM2.
//
//   pm2 start ecosystem.config.cjs && pm2 save && pm2 startup
//
// One process: PM2's cluster mode would start a tail of the binlog for each instance. For more cores there is WORKERS.
module.exports = {
  apps: [
    {
      name: 'auction-websocket',
      script: '/opt/gavelcast/node_modules/gavelcast/bin/gavelcast.js',
      args: 'serve',
      interpreter: '/opt/gavelcast/node_modules/.bin/node',
      // The portal's directory: its .env is read from here.
      cwd: '/var/www/auction-portal',
      exec_mode: 'fork',
      instances: 1,
      autorestart: true,
      // A configuration that no restart mends. Not 0 as well: PM2 takes a process that was killed for one that ended with 0.
      stop_exit_codes: [78],
      // No restart delay: PM2 would show "waiting restart" for ever where it has stopped for good.
      // More than DRAIN_SECONDS, ms. PM2 sends SIGINT, which is as good as SIGTERM.
      kill_timeout: 30000,
      watch: false,
      max_memory_restart: '2G',
      out_file: '/var/log/auction-websocket.log',
      error_file: '/var/log/auction-websocket-error.log',
      // These very names, without the number of the instance.
      merge_logs: true,
      // Each line has its time already.
      time: false,
    },
  ],
};
