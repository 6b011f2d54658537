// Shows why the form came back.
if (location.search === "?wrong") document.getElementById("wrong").hidden = false;
