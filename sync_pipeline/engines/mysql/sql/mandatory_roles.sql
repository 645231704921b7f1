-- Roles that every account has, and whether roles are active at login. Since 8.0.11.
-- Needs nothing.
SELECT
    @@GLOBAL.mandatory_roles AS names,
    @@GLOBAL.activate_all_roles_on_login AS are_all_active
