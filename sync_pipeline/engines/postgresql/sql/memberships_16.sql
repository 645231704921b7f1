-- Who has which role; 16 has options for each membership. Since 16. Needs nothing.
SELECT
    role.rolname AS role,
    member.rolname AS member,
    coalesce(grantor.rolname, '') AS grantor,
    m.admin_option AS admin,
    m.inherit_option AS inherit,
    m.set_option AS set_role
FROM pg_catalog.pg_auth_members AS m
JOIN pg_catalog.pg_roles AS role ON role.oid = m.roleid
JOIN pg_catalog.pg_roles AS member ON member.oid = m.member
LEFT JOIN pg_catalog.pg_roles AS grantor ON grantor.oid = m.grantor
