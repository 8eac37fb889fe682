// The polkit action by which a person at the computer may administer: `service install` and the packages put it in place.
export const polkitText = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE policyconfig PUBLIC
 "-//freedesktop//DTD PolicyKit Policy Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/PolicyKit/1.0/policyconfig.dtd">
<policyconfig>
  <vendor>SealNIC</vendor>
  <action id="org.sealnic.administer">
    <description>Change SealNIC's profiles, filter and security associations</description>
    <message>Authentication is required to administer SealNIC</message>
    <defaults>
      <allow_any>no</allow_any>
      <allow_inactive>no</allow_inactive>
      <allow_active>auth_admin_keep</allow_active>
    </defaults>
  </action>
</policyconfig>
`;
