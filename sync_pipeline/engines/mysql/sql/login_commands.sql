-- How many statements ran that could have emptied the counters of logins or changed who a session
-- is: the Performance Schema leaves them out. Since 8.0. Needs nothing.
SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_admin_commands', 'Com_truncate')
