-- Who has which role; before 16 the member's rolinherit decides. Since 14. Needs nothing.
SELECT
    role.rolname AS role,
    member.rolname AS member,
    coalesce(grantor.rolname, '') AS grantor,
    m.admin_option AS admin,
    NULL::boolean AS inherit,
    NULL::boolean AS set_role
FROM pg_catalog.pg_auth_members AS m
JOIN pg_catalog.pg_roles AS role ON role.oid = m.roleid
JOIN pg_catalog.pg_roles AS member ON member.oid = m.member
LEFT JOIN pg_catalog.pg_roles AS grantor ON grantor.oid = m.grantor
