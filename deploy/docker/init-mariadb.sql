-- As ../mysql/grants-mariadb.sql, for the first start of the container. Put the password of .env here before it.

CREATE USER 'gavelcast'@'%' IDENTIFIED BY 'put-a-password-here';
GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO 'gavelcast'@'%';
GRANT SELECT ON auction_portal.* TO 'gavelcast'@'%';

